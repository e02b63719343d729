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

import msgspec

from bestiary.data._source import Source
from bestiary.data._stdlib import stdlib_files


def note_of(sources: Sequence[Source], tokenizer: str, vocabulary: int) -> str:
    """The name of the note on what is to be prepared, as its files are now."""
    files = [_signature(path) for source in sources for path in _files(source)]
    plain = [version("bestiary"), msgspec.to_builtins(sources), tokenizer, vocabulary, files]
    return f"from-{hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:32]}"


def known(folder: Path, note: str) -> str:
    """The digest of the corpus with that note; empty where there is none."""
    return next((path.parent.name for path in folder.glob(f"*/{note}")), "")


def remember(corpus: Path, note: str) -> None:
    """Leave the note; a read-only folder forgets."""
    with contextlib.suppress(OSError):
        (corpus / note).touch()


def _files(source: Source) -> list[Path]:
    if source.kind == "stdlib":
        return [path for _, path in stdlib_files()]
    return [Path(path).absolute() for path in source.paths]


def _signature(path: Path) -> list[str | int]:
    try:
        status = os.stat(path)
    except OSError:
        return [str(path)]  # whoever reads it next says what is wrong with it
    times = status.st_mtime_ns, status.st_ctime_ns
    return [str(path), status.st_size, *times, status.st_ino]
