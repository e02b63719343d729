"""A study as a TOML file: the fields of `Study`, with sizes, cells and optimizers by name."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import msgspec

from bestiary.errors import UserError, quoted, unknown
from bestiary.specs import (
    SIZES,
    Candidate,
    DataSpec,
    Phases,
    ScheduleKind,
    Setting,
    Spec,
    Study,
    Tuning,
    from_builtins,
)
from bestiary.store import read_toml
from bestiary.studies._candidates import candidate

# What a study has that no file states: its text comes with the command, its schema with the code.
_APART = ("data", "schema")
S = TypeVar("S", bound=Spec)


class _Entry(Spec, frozen=True, kw_only=True):
    """What a table of a candidate may say, see `candidate`."""

    preset: str = ""
    changes: dict[str, Setting] | None = None
    without: tuple[str, ...] = ()
    grid: dict[str, tuple[Setting, ...]] | None = None
    schedule: ScheduleKind | None = None
    extend: tuple[str, ...] = ("learning_rate",)


def study_file(path: Path) -> Callable[[DataSpec], Study]:
    """The study that a TOML file states, for a corpus.

    Args:
        path: The file.

    Raises:
        UserError: it cannot be read, or has a field, size or optimizer that does not exist (the
            nearest is named).
    """
    table = _read(path)
    _refuse_unknown(
        f"field in {path}",
        table,
        [name for name in Study.__struct_fields__ if name not in _APART],
    )
    return lambda data: _study(path, table, data)


def _study(path: Path, table: Mapping[str, Any], data: DataSpec) -> Study:
    entries = table.get("candidates", {})
    if not isinstance(entries, dict) or not all(isinstance(one, dict) for one in entries.values()):
        raise UserError(
            f"{path} must have one table for each candidate, such as [candidates.adamw]"
        )
    plain = dict(table) | {
        "name": table.get("name", path.stem),
        "sizes": _sizes(path, table.get("sizes", [])),
        "candidates": tuple(_candidate(path, name, one) for name, one in entries.items()),
        "data": data,
    }
    for field, kind, listed in (
        ("tuning", Tuning, ("cells",)),
        ("phases", Phases, ("followed", "predicted")),
    ):
        if field in table:
            plain[field] = _part(path, field, kind, table[field], listed)
    return _of_kind(path, Study, msgspec.to_builtins(plain))


def _part(path: Path, field: str, kind: Any, stated: Any, listed: tuple[str, ...]) -> Any:
    """A table of the file that is a record of its own, with its cells written out."""
    if not isinstance(stated, dict):
        raise UserError(f"{path} must have a table [{field}], got {field} = {quoted(stated)}")
    _refuse_unknown(f"field of {field} in {path}", stated, kind.__struct_fields__)
    cells = {name: _cells(path, name, stated[name]) for name in listed if name in stated}
    return dict(stated) | cells


def _candidate(path: Path, name: str, stated: Mapping[str, Any]) -> Candidate:
    _refuse_unknown(f"field of candidate {name} in {path}", stated, _Entry.__struct_fields__)
    entry = _of_kind(path, _Entry, stated, f" at candidate {name}")
    return candidate(name, **{key: getattr(entry, key) for key in stated})


def _of_kind(path: Path, kind: type[S], stated: Any, place: str = "") -> S:
    """A record of what a file states, or what is wrong with it, with the file's name."""
    try:
        return from_builtins(kind, stated)
    except UserError as error:
        raise UserError(f"the study {path}{place}: {error}") from None


def _cells(path: Path, name: str, stated: Any) -> list[dict[str, Any]]:
    if not isinstance(stated, list):
        raise UserError(
            f"{path}: {name} must be a list of cells such as '65k 2x', got {quoted(stated)}"
        )
    return [_cell(path, one) for one in stated]


def _cell(path: Path, text: Any) -> dict[str, Any]:
    """`65k 2x` as a cell."""
    size, _, ratio = str(text).strip().rpartition(" ")
    try:
        return {"size": size.strip(), "ratio": float(ratio.removesuffix("x"))}
    except ValueError:
        raise UserError(f"{path}: a cell is written as '65k 2x', got {quoted(text)}") from None


def _sizes(path: Path, stated: Any) -> dict[str, Any]:
    """Shapes by their names in the catalogue, or as tables of their own."""
    if isinstance(stated, dict):
        return stated
    if not isinstance(stated, list) or not all(isinstance(one, str) for one in stated):
        raise UserError(
            f'{path}: sizes must be a list of names, such as ["65k", "262k"], or tables of shapes'
        )
    for name in stated:
        if name not in SIZES:
            raise unknown("size", name, SIZES)
    return {name: SIZES[name] for name in stated}


def _refuse_unknown(what: str, stated: Mapping[str, Any], known: Any) -> None:
    for field in stated:
        if field not in known:
            raise unknown(what, field, known)


def _read(path: Path) -> dict[str, Any]:
    return read_toml(path, "the study")
