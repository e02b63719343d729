"""What this machine, or the container around this process, has of memory."""

import os
from pathlib import Path

_CGROUP = Path("/sys/fs/cgroup/memory.max")


def machine_bytes() -> int:
    """Bytes of memory that could ever be had here, used or not."""
    whole = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        limit = _CGROUP.read_text().strip()
    except OSError:
        return whole
    return min(whole, int(limit)) if limit.isdecimal() else whole
