"""Which corpus some files became, so that a study goes on without reading its text again.

A note lies in the folder of the corpus. Its name is a hash of the sources, of size, times and inode
of each of their files, and of tokenizer and vocabulary; a file that was touched has another.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import NamedTuple

import msgspec

from bestiary.data._megatron import tokens_beside
from bestiary.data._reading import Reading
from bestiary.data._source import Source
from bestiary.data._stdlib import stdlib_files
from bestiary.store import read_whole


def note_of(sources: Sequence[Source], tokenizer: str, vocabulary: int) -> str:
    """The name of the note on what is to be prepared, as its files are now."""
    files = [_signature(path) for source in sources for path in _files(source)]
    plain = [version("bestiary"), msgspec.to_builtins(sources), tokenizer, vocabulary, files]
    return f"from-{hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:32]}"


class Known(NamedTuple):
    """A corpus that some files became, and what was read of them."""

    digest: str
    reading: Reading | None


def known(folder: Path, note: str) -> Known | None:
    """The corpus with that note; None where there is none."""
    with contextlib.suppress(OSError):  # whoever makes the folder says what is wrong with it
        for path in folder.glob(f"*/{note}"):
            return Known(path.parent.name, _read(path))
    return None


def remember(corpus: Path, note: str, reading: Reading) -> None:
    """Leave the note, whole or not at all; a read-only folder forgets."""
    temporary = corpus / f"{note}.{os.getpid()}"
    try:
        temporary.write_bytes(msgspec.json.encode(reading))
        os.replace(temporary, corpus / note)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def _read(note: Path) -> Reading | None:
    try:
        return msgspec.json.decode(read_whole(note), type=Reading)
    except (OSError, ValueError, RecursionError):
        return None  # of an older Bestiary, which left the name alone


def _files(source: Source) -> list[Path]:
    if source.kind == "stdlib":
        return [path for _, path in stdlib_files()]
    paths = [Path(path).absolute() for path in source.paths]
    return paths + [tokens_beside(path) for path in paths if source.kind == "megatron"]


def _signature(path: Path) -> list[str | int]:
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return [str(path)]  # whoever reads it next says what is wrong with it
    times = status.st_mtime_ns, status.st_ctime_ns
    return [str(path), status.st_size, *times, status.st_ino]
