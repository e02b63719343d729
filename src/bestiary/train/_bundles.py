"""Cycles of hand-written kernels, of which a program's text states none.

The compiler writes down the instructions of every kernel as it has scheduled them, in bundles that
take a cycle each. A kernel's bundles are gone through once for every block it works on; blocks that
it skips, and waiting for memory, are left out.
"""

import os
import re
import shutil
import tempfile
from functools import cache
from pathlib import Path

_PASS = "final_bundles"
_FILE = re.compile(rf"^[0-9]+-(.+?)(?:\.[0-9]+)?-[0-9]+-schedule-analysis_{_PASS}\.txt$")
_BUNDLES = re.compile(r"total scheduled bundles:\s+([0-9]+)")


def write_schedules() -> None:
    """Have the compiler write its schedules; before it is loaded, once a process."""
    folder = _folder()
    options = os.environ.get("LIBTPU_INIT_ARGS", "")
    if str(folder) not in options:
        flags = (f"to={folder}", "llo_text=true", f"llo_pass_label_regex={_PASS}")
        options = " ".join([options, *(f"--xla_jf_dump_{flag}" for flag in flags)])
        os.environ["LIBTPU_INIT_ARGS"] = options.strip()


def bundles() -> dict[str, int]:
    """The bundles of each kernel that was compiled since the last call, by its name.

    The name is without the number that tells a program's calls of it apart: equal calls are
    scheduled once.
    """
    folder = _folder()
    found: dict[str, int] = {}
    for path in folder.iterdir():
        if (name := _FILE.match(path.name)) and (stated := _BUNDLES.search(path.read_text())):
            found[name[1]] = max(int(stated[1]), found.get(name[1], 0))
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    return found


def _folder() -> Path:
    return Path(_temporary().name)


@cache
def _temporary() -> tempfile.TemporaryDirectory[str]:
    """Removed when the process ends."""
    return tempfile.TemporaryDirectory(prefix="bestiary-schedules-")
