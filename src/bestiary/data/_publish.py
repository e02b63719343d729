"""A folder that appears whole or not at all, whatever happens to the process or the disk."""

import errno
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bestiary.errors import BestiaryError, UserError

PREFIX = ".prepare-"


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder`, removed at the end unless it was published.

    One process at a time writes into `folder` (a lock on it, freed by the system when a process
    dies), so whatever a killed one left there is removed first.

    Raises:
        UserError: the folder cannot be made or written.
        BestiaryError: writing failed, for instance because the disk is full.
    """
    lock = _locked(folder)
    try:
        for stale in folder.glob(f"{PREFIX}*"):
            shutil.rmtree(stale, ignore_errors=True)
        path = Path(tempfile.mkdtemp(prefix=PREFIX, dir=folder))
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)
    except OSError as error:
        raise BestiaryError(
            f"cannot write the corpus into {folder}: {error.strerror}; nothing was left there"
        ) from error
    finally:
        os.close(lock)


def publish(path: Path, target: Path) -> None:
    """Give a finished scratch folder its name; one that is already there stays as it is."""
    path.chmod(0o755)
    _sync(path)
    try:
        os.rename(path, target)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
    _sync(target.parent)


def write_durably(path: Path, data: bytes) -> None:
    """Write a new file and wait until the disk has it."""
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def _locked(folder: Path) -> int:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise UserError(f"cannot make the folder {folder}: {error.strerror}") from None
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    return descriptor


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
