"""A folder that appears whole or not at all, whatever happens to the process or the disk."""

import errno
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bestiary.data._shown import shown, why
from bestiary.errors import BestiaryError, UserError
from bestiary.store import is_abandoned, owned_name, remove

PREFIX = ".prepare-"


@contextmanager
def scratch(folder: Path) -> Iterator[Path]:
    """A temporary folder inside `folder`, removed at the end unless it was published.

    Several processes may write into `folder`, on several machines: each has a folder of its own.
    What a dead one left is removed first; what may belong to a living one stays.

    Raises:
        UserError: the folder cannot be made.
        BestiaryError: writing failed, for instance because the disk is full.
    """
    _make(folder)
    try:
        for name in abandoned(folder):
            remove(folder / name)
        path = folder / owned_name(PREFIX)
        path.mkdir(mode=0o700)
        try:
            yield path
        finally:
            remove(path)
    except OSError as error:
        raise BestiaryError(
            f"cannot write the corpus into {shown(folder)}: {why(error)}; nothing was left there"
        ) from error


def unfinished(folder: Path) -> list[str]:
    """The names of the folders in which a corpus is being prepared, or was."""
    return sorted(path.name for path in folder.glob(f"{PREFIX}*"))


def abandoned(folder: Path) -> list[str]:
    """Those of which the process provably lives no more."""
    return [name for name in unfinished(folder) if is_abandoned(name)]


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


def _make(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise UserError(f"cannot make the folder {shown(folder)}: {why(error)}") from None


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
