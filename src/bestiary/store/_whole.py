"""Files of a folder: small ones that are there completely or not at all, and only files."""

import errno
import os
import shutil
import stat
from contextlib import suppress
from io import BufferedReader
from pathlib import Path

# No record is as large; what stands in its place may have no end.
MOST_BYTES = 2**30


def write_whole(path: Path, content: str | bytes) -> None:
    """Write a file beside its place, force it to the disk and rename it; what was there stays else.

    Args:
        path: Its place.
        content: All of it; text as UTF-8.

    Raises:
        OSError: it cannot be written; callers say what a user can do.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with beside.open("wb") as file:
            file.write(content.encode() if isinstance(content, str) else content)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError:
        with suppress(OSError):
            beside.unlink()
        raise


def open_file(path: Path) -> BufferedReader:
    """Open a file of a folder to read it, and never wait for what is no file, such as a pipe.

    Raises:
        OSError: it is not there, or is no file.
    """
    file = open(path, "rb", opener=_without_waiting)  # noqa: SIM115 - the caller closes it
    if stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        return file
    file.close()
    raise OSError(errno.EINVAL, "not a file", str(path))


def read_whole(path: Path) -> bytes:
    """All of a small file of a folder.

    Raises:
        OSError: it is not there, is no file, or larger than any record.
    """
    with open_file(path) as file:
        if os.fstat(file.fileno()).st_size > MOST_BYTES:
            raise OSError(errno.EFBIG, "too large to be a record", str(path))
        return file.read()


def remove(path: Path) -> None:
    """Remove a folder with all that is in it, or what has its name; what will not go stays.

    `shutil.rmtree` opens what it is given, and of a pipe it would wait for the other end.
    """
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)
