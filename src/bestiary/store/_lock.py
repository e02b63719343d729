"""One driver per study: an advisory lock that the kernel releases when its holder dies."""

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


class DriverLock:
    """The right to start runs and commit results in a study folder, held until `release`.

    A lock of the kernel, not the existence of a file: after SIGKILL nothing stale is left behind.
    The descriptor is not inherited, so a worker that outlives its driver does not hold it.
    """

    def __init__(self, path: Path) -> None:
        """Take the lock.

        Raises:
            UserError: another driver holds it; the line names its process and machine.
        """
        self._file: IO[str] = open(path, "a+")  # noqa: SIM115 - the lock lives as long as the file
        until = time.monotonic() + PATIENCE_SECONDS
        while not _taken(self._file, fcntl.LOCK_EX):
            if time.monotonic() > until:
                holder = _holder(self._file)
                self._file.close()
                raise UserError(
                    f"another driver works on {path.parent} ({holder}); wait for it or end it"
                )
            time.sleep(PATIENCE_SECONDS / 10)
        self._file.truncate(0)
        self._file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}))
        self._file.flush()

    def release(self) -> None:
        """Give the lock back; the file stays, empty of meaning."""
        self._file.close()


def driver(path: Path) -> str:
    """Who holds the lock, for instance `process 812 on laptop`; empty where nobody does."""
    try:
        with open(path) as file:
            return "" if _taken(file, fcntl.LOCK_SH) else _holder(file)
    except OSError:
        return ""


def _taken(file: IO[str], kind: int) -> bool:
    try:
        fcntl.flock(file, kind | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _holder(file: IO[str]) -> str:
    file.seek(0)
    try:
        said = json.loads(file.read())
        return f"process {said['pid']} on {said['host']}"
    except (ValueError, KeyError, TypeError):
        return "process unknown"
