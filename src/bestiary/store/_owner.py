"""Whose a folder or file is: the host, the process and its start are part of its name.

A lock would say it better where it works. It does not on every file system: some have none, and on
some it is local to a node, so that the other nodes of a cluster do not see it.
"""

import hashlib
import os
import re
import secrets
import socket
from pathlib import Path

_PARTS = re.compile(r"(?P<host>.+)\.(?P<boot>[0-9a-f]{8})\.(?P<process>\d+)\.(?P<start>\d+)\.\w+")


def owned_name(prefix: str = "") -> str:
    """A name that no other process gives, now or later, here or on another node."""
    host = re.sub("[^A-Za-z0-9-]", "-", socket.gethostname())[:64] or "-"
    process = os.getpid()
    return f"{prefix}{host}.{_boot()}.{process}.{_start(process)}.{secrets.token_hex(4)}"


def is_abandoned(name: str) -> bool:
    """Whether the process that gave that name provably lives no more.

    Of a process on another host, or before the last start of this one, nothing can be proved.
    """
    found = _PARTS.fullmatch(name)
    if not found or found["boot"] != _boot():
        return False
    process = int(found["process"])
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):
        return False
    return _start(process) not in (int(found["start"]), 0)


def _boot() -> str:
    """What names a set of process numbers: this start of this machine, and its name space."""
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text()
        space = os.readlink("/proc/self/ns/pid")
    except OSError:  # not Linux
        boot, space = "", ""
    text = "\n".join((socket.gethostname(), boot, space))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _start(process: int) -> int:
    """When a process started, in ticks since the machine did; 0 where that cannot be known."""
    try:
        after_name = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2]
        return int(after_name.split()[19])
    except (OSError, ValueError, IndexError):
        return 0
