"""An attempt's folder: claimed by one process, and errors of its disk in one line."""

import contextlib
import errno
import fcntl
import os
from collections.abc import Iterator
from pathlib import Path

from bestiary.errors import DiskError, UserError
from bestiary.store import CHECKPOINTS
from bestiary.train._peers import leads
from bestiary.train._policy import Policy

_LOCK = "lock"
_FULL = (errno.ENOSPC, errno.EDQUOT)
# What the kernel answers where somebody has the lock; any other answer is that there is none.
_HELD = (errno.EWOULDBLOCK, errno.EACCES, errno.EINTR)
_DISK = (*_FULL, errno.EFBIG, errno.EIO, errno.EROFS)


@contextlib.contextmanager
def claimed(folder: Path, policy: Policy) -> Iterator[None]:
    """Hold the folder, made where it is missing, for one process; a dead process holds nothing.

    Of several processes of one run the first holds it.

    Raises:
        UserError: another process holds it, it cannot be written, or it has an earlier attempt
            that the policy does not resume.
        DiskError: the disk became full or failed; what was saved before is intact.
    """
    if not leads():
        with _told_of_the_disk(folder):
            yield
        return
    if folder.exists() and not folder.is_dir():
        raise UserError(f"a run needs a folder, but {folder} is a file; name another")
    resumed = {earlier.resolve() for earlier in policy.earlier}
    if folder.resolve() not in resumed and _holds_attempt(folder):
        raise UserError(f"{folder} already holds a run; resume it or name another folder")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock = (folder / _LOCK).open("a+")
    except OSError as error:
        kind = DiskError if error.errno in _FULL else UserError
        raise kind(f"cannot write to {folder}: {error.strerror}; name another") from None
    with lock:
        _hold(lock.fileno(), folder)
        with _told_of_the_disk(folder):
            yield


@contextlib.contextmanager
def _told_of_the_disk(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK:
            raise
        raise DiskError(
            f"cannot write to {folder}: {error.strerror}; free space and resume: "
            "it goes on from the last checkpoint"
        ) from error


def _holds_attempt(folder: Path) -> bool:
    return any(folder.glob("metrics-*.jsonl")) or (folder / CHECKPOINTS).exists()


def _hold(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        if error.errno not in _HELD:
            raise UserError(
                f"the file system of {folder} does not lock files ({error.strerror}), so nothing "
                "keeps a second process out of a run; name a folder on another disk"
            ) from None
        holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
        raise UserError(
            f"{folder} is in use by process {holder}; wait for it or name another folder"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, str(os.getpid()).encode(), 0)
