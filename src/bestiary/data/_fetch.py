"""A Hugging Face data set as files of rows here: streamed once, gone on with if killed."""

import gzip
import io
import itertools
import json
import logging
import os
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec

from bestiary.data._shown import shown, why
from bestiary.errors import BestiaryError, UserError, unknown
from bestiary.specs import Spec
from bestiary.store import read_whole

ROWS_A_FILE = 50_000
_RECORD = "fetched.json"


class Wanted(Spec, frozen=True, kw_only=True):
    """What is fetched.

    Attributes:
        dataset: Its name, as `HuggingFaceFW/fineweb`, or a local folder.
        revision: A commit, tag or branch; it becomes the commit that it was. Empty for the latest.
        subset: Its configuration, where it has several.
        split: Which of its splits.
        field: The column of the text.
    """

    dataset: str
    revision: str = ""
    subset: str = ""
    split: str = "train"
    field: str = "text"


class Fetched(Spec, frozen=True, kw_only=True):
    """What lies in a folder of fetched rows.

    Attributes:
        wanted: What was asked for, its revision resolved.
        rows: Rows that are there.
        complete: Whether they are all of the split.
    """

    wanted: Wanted
    rows: int = 0
    complete: bool = False


def fetch(
    wanted: Wanted,
    folder: Path,
    *,
    rows: int = 0,
    told: Callable[[int], None] = lambda rows: None,
) -> Fetched:
    """Stream the text of a data set into `.jsonl.gz` files, which `prepare` takes as a source.

    A file appears when it is whole. Called again with the same words it goes on after the last one,
    of the same revision, and does nothing where it is complete.

    Args:
        wanted: The data set.
        folder: Of its files; made where it is missing.
        rows: How many rows at most; 0 for all.
        told: Is told the rows so far after every file.

    Raises:
        UserError: the package, the data set, the revision, the split or the column does not exist,
            or the folder holds something else.
        BestiaryError: the network or the disk fails; what is there stays and is gone on with.
    """
    before = _record(folder)
    if before is not None and not _is_same(before.wanted, wanted):
        raise UserError(
            f"{shown(folder)} holds {before.wanted.dataset} ({before.wanted.split}); name another"
        )
    if before is not None and (before.complete or 0 < rows <= before.rows):
        return before
    resolved = before.wanted if before is not None else _resolved(wanted)
    there = before.rows if before is not None else 0
    left = rows - there if rows else None
    try:
        texts = itertools.islice(_texts(resolved, there), left)
        found = _written(resolved, folder, texts, there=there, told=told)
    except OSError as error:
        raise BestiaryError(
            f"fetching stopped ({why(error)}); the same command goes on from what is there"
        ) from None
    if left is None or found.rows - there < left:
        found = msgspec.structs.replace(found, complete=True)
        _keep(folder, found)
    return found


def _is_same(held: Wanted, asked: Wanted) -> bool:
    """Whether it is the same data set; of a revision that was not named, the one that is here."""
    named = asked.revision or held.revision
    return held == msgspec.structs.replace(asked, revision=named)


def _written(
    wanted: Wanted,
    folder: Path,
    texts: Iterator[str],
    *,
    there: int,
    told: Callable[[int], None],
) -> Fetched:
    first = next(texts, None)  # before anything is made: a column may be missing
    folder.mkdir(parents=True, exist_ok=True)
    texts = texts if first is None else itertools.chain([first], texts)
    count = there
    while batch := list(itertools.islice(texts, ROWS_A_FILE)):
        _write(folder / f"rows-{count:012}.jsonl.gz", _packed(batch))
        count += len(batch)
        _keep(folder, Fetched(wanted=wanted, rows=count))
        told(count)
    return Fetched(wanted=wanted, rows=count)


def _packed(texts: Iterable[str]) -> bytes:
    """Rows as gzip, the same bytes every time."""
    buffer = io.BytesIO()
    with gzip.GzipFile(fileobj=buffer, mode="wb", mtime=0, compresslevel=6) as file:
        for text in texts:
            file.write(json.dumps({"text": text}).encode() + b"\n")
    return buffer.getvalue()


def _keep(folder: Path, record: Fetched) -> None:
    _write(folder / _RECORD, msgspec.json.format(msgspec.json.encode(record)))


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)


def _record(folder: Path) -> Fetched | None:
    try:
        return msgspec.json.decode(read_whole(folder / _RECORD), type=Fetched)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {shown(folder / _RECORD)}: {why(error)}") from None


def _texts(wanted: Wanted, skipped: int) -> Iterator[str]:
    """The text of every row after the first so many."""
    for row in _rows(wanted, skipped):
        if wanted.field not in row:
            raise unknown(f"column of {wanted.dataset}", wanted.field, row)
        text = row[wanted.field]
        if not isinstance(text, str):
            raise UserError(
                f"the text must be a string, got {type(text).__name__} in the column "
                f"{wanted.field!r} of {shown(wanted.dataset)}; name another"
            )
        yield text


def _rows(wanted: Wanted, skipped: int) -> Iterator[Any]:
    rows: Any = _opened(wanted)
    count = skipped
    try:
        for row in rows.skip(skipped) if skipped else rows:
            yield row
            count += 1
    except OSError:
        raise
    except Exception as error:  # of many kinds: its readers' of files, and the network's
        raise BestiaryError(
            f"cannot read {shown(wanted.dataset)} after row {count}: {shown(_first_line(error))}; "
            "check that file and the network; what was fetched stays"
        ) from None


def _opened(wanted: Wanted) -> Any:
    datasets = _package("datasets")
    logging.getLogger("datasets").setLevel(logging.CRITICAL)  # what it says is said again, below
    try:
        return datasets.load_dataset(
            wanted.dataset,
            wanted.subset or None,
            split=wanted.split,
            revision=wanted.revision or None,
            streaming=True,
        )
    except (ValueError, FileNotFoundError, ImportError, RuntimeError) as error:
        raise UserError(
            f"cannot open the data set {shown(wanted.dataset)}: {shown(_first_line(error))}; check "
            "its name, revision, subset and split"
        ) from None


def _resolved(wanted: Wanted) -> Wanted:
    """The same at the commit that its revision is now; a local folder has none."""
    if Path(wanted.dataset).exists():
        return wanted
    hub = _package("huggingface_hub", cure="datasets")
    _package("datasets")
    try:
        found = hub.HfApi().dataset_info(wanted.dataset, revision=wanted.revision or None)
    except Exception as error:  # the client's own, of many kinds: not found, no network, no leave
        raise UserError(
            f"cannot find the data set {shown(wanted.dataset)}"
            f"{f' at {shown(wanted.revision)}' if wanted.revision else ''}: "
            f"{shown(_first_line(error))}; check its name and revision, and the network"
        ) from None
    return msgspec.structs.replace(wanted, revision=found.sha)


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0]


def _package(name: str, cure: str = "") -> Any:
    try:
        return import_module(name)
    except ImportError:
        raise UserError(
            f"a Hugging Face data set needs the package {name}; run: pip install "
            f"'bestiary[{cure or name}]'"
        ) from None
