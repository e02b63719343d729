"""Tars of text, as WebDataset lays them out: a member is a text, or JSON with a field of text."""

import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from bestiary.data._lines import MOST_LINE_BYTES
from bestiary.data._shown import shown
from bestiary.errors import UserError

TEXT, ROW, ROWS = ".txt", ".json", ".jsonl"


class Member(NamedTuple):
    """A file in a tar: its name, what kind it is, and its bytes."""

    name: str
    kind: str
    data: bytes


def members(path: Path, skipped: Counter[str]) -> Iterator[Member]:
    """The members that hold text, in order; the tar is read once from front to back.

    Raises:
        UserError: a tar that is cut, damaged or none, or a member too large for memory.
    """
    try:
        with tarfile.open(path, "r|*") as tar:
            for entry in tar:
                kind = next((one for one in (TEXT, ROWS, ROW) if entry.name.endswith(one)), "")
                if not entry.isfile() or not kind:
                    skipped["members of a tar that hold no text"] += 1
                    continue
                if entry.size >= MOST_LINE_BYTES:
                    raise UserError(
                        f"a member of a tar must be smaller than {MOST_LINE_BYTES} bytes, but "
                        f"{shown(entry.name)} in {shown(path)} is not"
                    )
                file = tar.extractfile(entry)
                yield Member(entry.name, kind, file.read() if file else b"")
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise UserError(f"{shown(path)} cannot be read as a tar: {shown(error)}") from None
