"""One driver per study: an advisory lock that the kernel releases when its holder dies."""

import errno
import fcntl
import json
import os
import socket
import time
from pathlib import Path
from typing import IO

from bestiary.errors import UserError

# A reader that asks who drives holds the lock for an instant, and must not keep a driver out.
PATIENCE_SECONDS = 0.5
# What the kernel answers where somebody has the lock; any other answer is that there is none.
HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EINTR)


class DriverLock:
    """The right to start runs and commit results in a study folder, held until `release`.

    A lock of the kernel, not the existence of a file: after SIGKILL nothing stale is left behind.
    The descriptor is not inherited, so a worker that outlives its driver does not hold it.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            UserError: another driver holds it; the line names its process and machine. Or the file
                system has no locks, or what lies there is no file.
        """
        if path.exists() and not path.is_file():
            raise UserError(f"{path} must be a file, which the driver locks; remove what is there")
        self._file: IO[str] = open(path, "a+")  # noqa: SIM115 - the lock lives as long as the file
        try:
            _take(self._file, path.parent)
        except BaseException:
            self._file.close()
            raise
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        self._file.flush()

    def release(self) -> None:
        """Give the lock back; the file stays, empty of meaning."""
        self._file.close()


def driver(path: Path) -> str:
    """Who holds the lock, for instance `process 812 on laptop`; empty where nobody does."""
    if not path.is_file():  # opening a pipe would wait
        return ""
    try:
        with open(path) as file:
            return "" if _taken(file, fcntl.LOCK_SH) else _holder(file)
    except (OSError, UserError):
        return ""


def _take(file: IO[str], folder: Path) -> None:
    until = time.monotonic() + PATIENCE_SECONDS
    while not _taken(file, fcntl.LOCK_EX):
        if time.monotonic() > until:
            raise UserError(
                f"another driver works on {folder} ({_holder(file)}); wait for it or end it"
            )
        time.sleep(PATIENCE_SECONDS / 10)


def _taken(file: IO[str], kind: int) -> bool:
    """Whether the lock is ours now.

    Raises:
        UserError: nobody can have it, because the file system does not lock.
    """
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno in HELD:
            return False
        raise UserError(
            f"the file system of {file.name} does not lock files ({error.strerror}), so nothing "
            "keeps a second driver out; choose a study folder on another disk"
        ) from None
    return True


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        said = json.loads(file.read())
        return f"process {said['pid']} on {said['host']}"
    except (ValueError, KeyError, TypeError):
        return "process unknown"
