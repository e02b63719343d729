"""The published results of arXiv 2509.02046, as compiled from the authors' public files.

A folder with `runs.csv` (every stored run), `best_configs.csv` (the authors' best configuration per
cell), `final_losses.csv` and `final_losses_cache_122c5018.csv` (minimum loss per cell, as released
and as presumably printed) and `train_vs_eval_losses.json` (pairs of final losses).
"""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from bestiary.errors import UserError
from bestiary.store._foreign import ForeignImport, ForeignResult, ImportOrigin
from bestiary.store._importer import import_file, missing
from bestiary.store._mapping import mapping
from bestiary.store._rows import read_rows

ORIGIN = ImportOrigin(
    source="fantastic2025",
    url="https://github.com/WhenWen/marin",
    commit="97cfef35 and 122c5018",
    licence="Apache-2.0",
)
# Their names -> the catalogue's.
NAMES = {"soape": "soap", "mini": "adam_mini", "mudam": "shampoo"}
VERSIONS = {
    "final_losses.csv": "released",
    "final_losses_cache_122c5018.csv": "printed",
}
_RUNS: dict[str, Any] = {
    "origin": msgspec.to_builtins(ORIGIN),
    "unit": {"name": "nats_per_token"},
    "columns": {
        "optimizer": "optimizer",
        "size": "model_size",
        "ratio": "chinchilla",
        "loss": "loss_c4en",
        "steps": "steps",
        "tokens": "tokens",
    },
    "settings_prefix": "hp_",
    "tags": ["phase", "ablated_param", "ablated_value", "source"],
    "rename": {"optimizer": NAMES},
    # The study's own mark of a failed run; 134 further runs have no loss at all.
    "diverged_above": 6.0,
    "non_finite": "diverged",
    "empty": "unfinished",
    # 30 runs are listed twice, always with the same loss.
    "repeats": "keep",
}


class _Lists(msgspec.Struct):
    """Final losses of all runs of an optimizer, as published."""

    train_loss: list[float]
    c4en_eval_loss: list[float]


def read_fantastic2025(folder: Path) -> ForeignImport:
    """Read the folder of published results; writes nothing.

    Raises:
        UserError: a file that is missing or not as it was published; file, row and column named.
    """
    if not folder.is_dir():
        raise UserError(f"fantastic2025 must be a folder with runs.csv, got {folder}")
    results = [
        *import_file(folder / "runs.csv", mapping(_RUNS)).results,
        *_reported(folder),
        *(row for file in VERSIONS for row in _final_losses(folder / file)),
        *_pairs(folder / "train_vs_eval_losses.json"),
    ]
    runs = [row for row in results if row.kind == "run"]
    return ForeignImport(origin=ORIGIN, results=tuple(results), notes=missing(runs, "adamw"))


def _reported(folder: Path) -> Iterator[ForeignResult]:
    columns = _RUNS["columns"] | {"loss": "min_loss_c4en"}
    how = mapping(_RUNS | {"columns": columns, "tags": ["source"]})
    for row in import_file(folder / "best_configs.csv", how).results:
        yield msgspec.structs.replace(row, kind="reported", tags=row.tags | {"table": "best"})


def _final_losses(path: Path) -> Iterator[ForeignResult]:
    """The wide table of minimum losses: one column per optimizer, empty where not run."""
    cell = ("model_size", "chinchilla")
    for number, row in read_rows(path):
        absent = [column for column in cell if column not in row]
        if absent:
            raise UserError(f"{path.name} row {number}: there is no column {absent[0]!r}; add it")
        for column in (name for name, text in row.items() if name not in cell and text):
            yield ForeignResult(
                kind="reported",
                optimizer=NAMES.get(column, column),
                size=row["model_size"],
                ratio=_number(path, number, "chinchilla", row["chinchilla"]),
                loss=_number(path, number, column, row[column]),
                tags={"table": VERSIONS[path.name]},
                file=path.name,
                row=number,
            )


def _pairs(path: Path) -> Iterator[ForeignResult]:
    """Final training and validation losses of all runs of an optimizer, without their cells."""
    try:
        stated = msgspec.json.decode(path.read_bytes(), type=dict[str, _Lists])
    except (OSError, msgspec.DecodeError) as error:
        raise UserError(f"{path.name} must be readable JSON: {error}") from None
    for optimizer, lists in stated.items():
        if len(lists.train_loss) != len(lists.c4en_eval_loss):
            raise UserError(
                f"{path.name}: the lists of {optimizer!r} must be of equal length, got "
                f"{len(lists.train_loss)} and {len(lists.c4en_eval_loss)}; download it again"
            )
        pairs = zip(lists.train_loss, lists.c4en_eval_loss, strict=True)
        for number, (train, loss) in enumerate(pairs, start=1):
            yield ForeignResult(
                kind="pair",
                optimizer=NAMES.get(optimizer, optimizer),
                loss=loss,
                train_loss=train,
                file=path.name,
                row=number,
            )


def _number(path: Path, row: int, column: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError):
        number = math.nan
    if not math.isfinite(number):
        raise UserError(
            f"{path.name} row {row} column {column!r}: must be a finite number, got {value!r}"
        )
    return number
