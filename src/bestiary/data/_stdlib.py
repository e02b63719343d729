"""The text that every Python carries: the .py files of its own standard library."""

import os
import platform
import sysconfig
from collections.abc import Iterator
from pathlib import Path

from bestiary.errors import UserError

# What some distributions leave out or put in, so that one Python version is one corpus.
EXCLUDED_FOLDERS = {
    *("site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test"),
    *("idlelib", "tkinter", "turtledemo", "lib2to3", "distutils", "ensurepip"),
}
EXCLUDED_FILES = ("_sysconfigdata", "sitecustomize", "usercustomize")


def stdlib_files(root: Path | None = None) -> Iterator[tuple[str, Path]]:
    """Every .py file of the standard library as (path relative to it, path), sorted by the first.

    Left out are third-party packages, tests and the parts that distributions package apart
    (`EXCLUDED_FOLDERS`), build-dependent files (`EXCLUDED_FILES`), and symbolic links.

    Args:
        root: The folder of the library; by default that of the running interpreter.

    Raises:
        UserError: the interpreter has no .py files, for instance because they are zipped.
    """
    root = root or Path(sysconfig.get_path("stdlib"))
    found = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if _is_everywhere(name)]
        for name in files:
            path = Path(folder, name)
            if _belongs(path):
                found.append((path.relative_to(root).as_posix(), path))
    if not found:
        raise UserError(f"this Python has no .py files in {root}; give a text file instead")
    yield from sorted(found)


def python_version() -> str:
    """Version of the running interpreter, which decides what its library holds."""
    return platform.python_version()


def _is_everywhere(folder: str) -> bool:
    """Not an optional part, nor the build's config-<version>-<platform>."""
    return folder not in EXCLUDED_FOLDERS and not folder.startswith("config-")


def _belongs(path: Path) -> bool:
    return (
        path.suffix == ".py" and not path.name.startswith(EXCLUDED_FILES) and not path.is_symlink()
    )
