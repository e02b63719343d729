"""SQLite as this store uses it: explicit transactions, a rollback journal, errors of one line."""

import errno
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bestiary.errors import BestiaryError, UserError

# A reader (`bestiary status`) holds its lock for milliseconds; this is for slow disks.
BUSY_SECONDS = 30.0
MOST = 80
# What was committed outlives a power failure.
SYNCHRONOUS = "EXTRA"
# What SQLite says of a file that it cannot write, whatever the cause is.
_PLACE = ("SQLITE_FULL", "SQLITE_IOERR", "SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")
_CURES = {
    errno.ENOSPC: "free some space, or some files where no inodes are left",
    errno.EDQUOT: "free some space or files of your quota",
    errno.EROFS: "have the disk mounted for writing",
}


def connect(path: Path, *, read_only: bool = False) -> sqlite3.Connection:
    """Open a study file; it must exist unless its creation is intended by the caller.

    The journal is a rollback journal, always: write-ahead logging is damaged by a bug below SQLite
    3.51.3 and does not work on network file systems; at a few commits a second it gains nothing.
    """
    # Reading may have to roll back what a killed driver left half written, so a reader too opens
    # the file for writing where it may, and is then barred from changing anything.
    writable = os.access(path, os.W_OK) and os.access(path.parent, os.W_OK)
    mode = "rw" if writable or not read_only else "ro"
    connection = sqlite3.connect(
        f"{path.resolve().as_uri()}?mode={mode}",
        uri=True,
        timeout=BUSY_SECONDS,
        isolation_level=None,
    )
    # A damaged row must not make the others unreadable; its hash will tell.
    connection.text_factory = lambda text: text.decode(errors="surrogateescape")
    try:
        connection.execute("PRAGMA foreign_keys = ON")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
        else:
            connection.execute("PRAGMA journal_mode = DELETE")
            connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
    except sqlite3.Error:
        connection.close()
        raise
    return connection


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of the block or nothing of it, durable when the block is left."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # a full disk may have rolled back already
            connection.execute("ROLLBACK")
        raise


@contextmanager
def one_line_errors(path: Path) -> Iterator[None]:
    """Turn what SQLite and the file system raise into one line with a cure.

    Raises:
        UserError: the file cannot be opened or written, or is not a study.
        BestiaryError: the disk is full, the file is damaged or stays locked.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(error, path) from error
    except OSError as error:
        raise UserError(f"cannot use {path}: {error.strerror}; choose another folder") from error


def _of_its_folder(path: Path) -> BestiaryError | None:
    """What keeps a folder from taking a file, such as a journal: SQLite does not say it."""
    try:
        tempfile.TemporaryFile(dir=path.parent).close()
        return None
    except FileNotFoundError:
        return None
    except OSError as error:
        if error.errno in (errno.EACCES, errno.EPERM):
            return UserError(
                f"cannot write {path}: {error.strerror}; check the permissions of {path.parent}, "
                "or choose another folder"
            )
        cure = _CURES.get(error.errno or 0)
        again = "then run the same command again; what was committed is safe"
        said = f"cannot write {path}: {error.strerror}; {cure}, {again}"
        return BestiaryError(said) if cure else None


def _explained(error: sqlite3.Error, path: Path) -> BestiaryError:
    name = getattr(error, "sqlite_errorname", "")
    said = " ".join(str(error).split())[:MOST]  # of a damaged file it quotes what it read
    if name.startswith(_PLACE) and (place := _of_its_folder(path)):
        return place
    if name.startswith(("SQLITE_FULL", "SQLITE_IOERR")):
        cure = "free some space and run the same command again; what was committed is safe"
        return BestiaryError(f"cannot write {path}: {said}; {cure}")
    if name.startswith(("SQLITE_READONLY", "SQLITE_CANTOPEN", "SQLITE_PERM")):
        return UserError(f"cannot open {path}: {said}; check its permissions or choose another")
    if name.startswith("SQLITE_NOTADB"):
        return UserError(f"{path} is not a study file; choose another folder")
    if name.startswith("SQLITE_CORRUPT"):
        return BestiaryError(f"{path} is damaged ({said}); restore a copy of it")
    if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
        return BestiaryError(f"{path} stays locked by another process; end that process first")
    return BestiaryError(f"{path}: {said}")
