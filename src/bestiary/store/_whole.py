"""A small file that is there completely, on the disk, or not at all."""

import os
from contextlib import suppress
from pathlib import Path


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
