"""Which program is running: the versions of what decides a result, and a hash of its own code."""

import hashlib
from collections.abc import Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import bestiary

# What computes a loss. Others (rich, tyro, plotly) may differ between two machines of a study.
PACKAGES = ("bestiary", "jax", "jaxlib", "optax", "numpy", "scipy")
_DIGITS = 12
_HERE = Path(bestiary.__file__).parent
# The parts of Bestiary that decide a number; what plans, answers or draws does not.
NUMBERS = ("specs", "data", "models", "optimizers", "train")


@cache
def software() -> dict[str, str]:
    """Versions of the packages that decide a result, and `code`, a hash of Bestiary's own files.

    The hash is of what is on disk, committed or not, so that two machines with the same version
    and different changes are told apart.
    """
    return {**{name: _version(name) for name in PACKAGES}, "code": code_digest()}


def code_digest(folder: Path = _HERE, parts: Sequence[str] = NUMBERS) -> str:
    """The first digits of the sha256 of the Python files in parts of a folder, names included."""
    total = hashlib.sha256()
    for path in sorted(path for part in parts for path in (folder / part).rglob("*.py")):
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
