"""Where text comes from: the standard library of Python, or local files, with a mixture weight."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from bestiary.data._shown import shown, why
from bestiary.errors import UserError, unknown
from bestiary.specs import Spec, Weight, checked

Kind = Literal["stdlib", "text", "jsonl", "parquet", "shards", "megatron", "tar"]
# Which kinds have what a source can be told of.
_HAVE: dict[str, tuple[Kind, ...]] = {
    "field": ("jsonl", "parquet"),
    "bytes_per_token": ("shards", "megatron"),
}
_HAVE_IN_WORDS = {"field": ".jsonl and .parquet", "bytes_per_token": "tokens (.bin)"}
SUFFIXES: dict[str, Kind] = {
    ".txt": "text",
    ".jsonl": "jsonl",
    ".jsonl.gz": "jsonl",
    ".json.gz": "jsonl",
    ".jsonl.zst": "jsonl",
    ".jsonl.zstd": "jsonl",
    ".parquet": "parquet",
    ".tar": "tar",
    ".tar.gz": "tar",
    ".tgz": "tar",
    ".bin": "shards",
    ".idx": "megatron",
}

MOST_BYTES_PER_TOKEN = 1024
MOST_KINDS = 6


class Source(Spec, frozen=True, kw_only=True):
    """One source of text, and its share of a mixture.

    Attributes:
        kind: `stdlib` (no paths), or what the files hold: `text` (.txt), `jsonl` (also compressed,
            .gz or .zst), `parquet`, `tar` (of .txt, .json and .jsonl members), `shards` (llm.c
            .bin), `megatron` (.bin with .idx).
        paths: Files, in the order in which they are read.
        weight: Share of the mixture, relative to the other sources; any positive unit.
        field: Which field of a JSON object or column of a parquet file is the text.
        bytes_per_token: Text bytes per token of tokens, which carry no text; 0 for byte tokens.
        validates: Whether it is not trained on: the validation sets are drawn from it.
        passed_over: What else lies in the folder that was named, one line a kind; not read.
    """

    kind: Kind
    paths: tuple[str, ...] = ()
    weight: Weight = 1.0
    field: str = "text"
    bytes_per_token: Annotated[float, Meta(ge=0, le=MOST_BYTES_PER_TOKEN)] = 0.0
    validates: bool = False
    passed_over: tuple[str, ...] = ()

    @property
    def is_tokens(self) -> bool:
        """Whether it is tokens already, without text."""
        return self.kind in ("shards", "megatron")


def source(
    path: str | Path,
    weight: float = 1.0,
    field: str = "text",
    *,
    bytes_per_token: float = 0.0,
    validates: bool = False,
) -> Source:
    """The source a user names: `stdlib`, a file, or a folder of files of one kind (sorted).

    Args:
        path: `"stdlib"`, or a file or folder with any of `SUFFIXES`.
        weight: Share of a mixture.
        field: The text field of .jsonl and .parquet.
        bytes_per_token: For tokens only; see `Source`.
        validates: See `Source`.

    Raises:
        UserError: no such file, an unknown kind of file, a mixed or empty folder, a bad weight.
    """
    if not str(path):
        raise UserError("a source is a path, or 'stdlib', got an empty one; name a file or folder")
    if str(path) == "stdlib":
        return checked(Source(kind="stdlib", weight=weight, validates=validates))
    paths, passed_over = _files(Path(path))
    kinds = {_kind(file) for file in paths}
    if len(kinds) > 1:
        raise UserError(
            f"a source is of one kind, but {shown(path)} holds {sorted(kinds)}; name files"
        )
    return checked(
        Source(
            kind=kinds.pop(),
            paths=tuple(map(str, paths)),
            weight=weight,
            field=field,
            bytes_per_token=bytes_per_token,
            validates=validates,
            passed_over=passed_over,
        )
    )


def described(text: str) -> Source:
    """The source that one line describes: `PATH`, or for instance `PATH,field=body,weight=3.8`.

    Args:
        text: The `path` of `source`; then any of `weight`, `field` and `bytes_per_token` by name,
            and `for=validation` where it `validates`.

    Raises:
        UserError: as `source`, and for a setting that is unknown or not a number.
    """
    path, *_ = re.split(r",\w+=", text, maxsplit=1)
    pairs = (pair.partition("=") for pair in text[len(path) :].split(",")[1:])
    given = {name: value for name, _, value in pairs}
    read: dict[str, Callable[[str], Any]]
    read = {"weight": _number, "field": str, "bytes_per_token": _number, "for": _validates}
    for name in given:
        if name not in read:
            raise unknown(f"setting of {shown(path)}", shown(name), read)
    settings = {name: read[name](value) for name, value in given.items()}
    if "for" in settings:
        settings["validates"] = settings.pop("for")
    found = source(path, **settings)
    for name in ("field", "bytes_per_token"):
        if name in given and found.kind not in _HAVE[name]:
            raise UserError(
                f"{name} is of {_HAVE_IN_WORDS[name]}, but {shown(path)} is {found.kind}; "
                f"leave out ,{name}={shown(given[name])}"
            )
    return found


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(
            f"weight and bytes_per_token must be numbers, got {shown(text)!r}"
        ) from None


def _validates(text: str) -> bool:
    if text not in ("training", "validation"):
        raise UserError(f"for must be training or validation, got {shown(text)!r}")
    return text == "validation"


def mixture(
    weights: Mapping[str, float], paths: Mapping[str, str | Path], validating: Sequence[str] = ()
) -> tuple[Source, ...]:
    """The sources of a mixture from the path of every component, with its field where it has one.

    Args:
        weights: The components.
        paths: Of each its text, as `described` takes it, but for the weight.
        validating: Components from which the validation sets are drawn where they have a path.

    Raises:
        UserError: a component that the preset does not know, or one without a path.
    """
    for name in paths:
        if name not in (*weights, *validating):
            raise unknown("mixture component", name, [*weights, *validating])
    for name in weights:
        if name not in paths:
            raise UserError(f"every component needs a path, but {name!r} has none; add it")
    replace = msgspec.structs.replace
    trained = (replace(described(str(paths[name])), weight=one) for name, one in weights.items())
    others = [described(str(paths[name])) for name in validating if name in paths]
    return (*trained, *(replace(one, validates=True) for one in others))


def _files(path: Path) -> tuple[list[Path], tuple[str, ...]]:
    """The files of a source, and what else lies beside them."""
    try:
        if path.is_file():
            return [_index_of(path)], ()
        if not path.is_dir():
            raise UserError(f"no such file or folder: {shown(path)}; give a path, or 'stdlib'")
        entries = sorted(path.iterdir())
        found = [entry for entry in entries if _suffix(entry) in SUFFIXES and entry.is_file()]
        others = _grouped([entry for entry in entries if entry not in set(found)])
        found = sorted(set(map(_index_of, found)))
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {shown(path)}: {why(error)}; name another") from None
    if not found:
        also = f" ({'; '.join(others)})" if others else ""
        known = ", ".join(SUFFIXES)
        raise UserError(f"no {known} file in {shown(path)}{also}; add one, or name a file")
    return found, others


def _grouped(entries: list[Path]) -> tuple[str, ...]:
    """Entries of a folder by kind, one line each: `3 of kind .md, such as README.md`."""
    groups: dict[str, list[str]] = {}
    for entry in entries:
        groups.setdefault(_called(entry), []).append(shown(entry.name))
    for kind in sorted(groups, key=lambda kind: len(groups[kind]))[:-MOST_KINDS]:
        groups.setdefault("of other kinds", []).extend(groups.pop(kind))
    return tuple(
        f"{len(names)} {kind}, such as {names[0]}" for kind, names in sorted(groups.items())
    )


def _called(entry: Path) -> str:
    if entry.is_dir():
        return "of kind folder"
    suffix = shown(_suffix(entry))
    if suffix in SUFFIXES:
        return f"of kind {suffix} but no file"
    return f"of kind {suffix}" if suffix else "without suffix"


def _index_of(path: Path) -> Path:
    """The .idx of a .bin that has one, which then is Megatron-LM's; else the file itself."""
    index = path.with_suffix(".idx")
    return index if path.suffix == ".bin" and index.is_file() else path


def _suffix(path: Path) -> str:
    """The known suffix of a file, which may have two dots, or else its last."""
    return next((known for known in SUFFIXES if path.name.endswith(known)), path.suffix)


def _kind(path: Path) -> Kind:
    suffix = _suffix(path)
    if suffix not in SUFFIXES:
        raise UserError(
            f"text is read from {', '.join(SUFFIXES)} files, got {shown(path)}; rename or convert "
            "it"
        )
    return SUFFIXES[suffix]
