"""Which program is running: the versions of what decides a result, and a hash of its own code."""

import hashlib
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import bestiary

# What computes a loss. Others (rich, tyro, plotly) may differ between two machines of a study.
PACKAGES = ("bestiary", "jax", "jaxlib", "optax", "numpy", "scipy")
_DIGITS = 12


@cache
def software() -> dict[str, str]:
    """Versions of the packages that decide a result, and `code`, a hash of Bestiary's own files.

    The hash is of what is on disk, committed or not, so that two machines with the same version
    and different changes are told apart.
    """
    return {**{name: _version(name) for name in PACKAGES}, "code": code_digest()}


def code_digest(folder: Path = Path(bestiary.__file__).parent) -> str:
    """The first digits of the sha256 of every Python file below a folder, names included."""
    total = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        text = path.read_bytes()
        total.update(f"{path.relative_to(folder).as_posix()} {len(text)}\n".encode())
        total.update(text)
    return total.hexdigest()[:_DIGITS]


def software_apart(mine: dict[str, str], theirs: dict[str, str]) -> str:
    """Where two programs differ, for instance `jax 0.10.2 here, 0.10.1 there`; empty where not."""
    names = [name for name in {**mine, **theirs} if mine.get(name) != theirs.get(name)]
    return "; ".join(
        f"{name} {mine.get(name, 'none')} here, {theirs.get(name, 'none')} there" for name in names
    )


def _version(name: str) -> str:
    try:
        return version(name)
    except PackageNotFoundError:
        return "none"
