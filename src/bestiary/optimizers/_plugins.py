"""Optimizers of other installed packages: the entry points of the group `bestiary.optimizers`."""

import functools
from importlib import metadata

from bestiary.errors import UserError
from bestiary.optimizers._interface import Optimizer

GROUP = "bestiary.optimizers"


@functools.cache
def plugins(taken: frozenset[str]) -> dict[str, metadata.EntryPoint]:
    """The entry points by name; nothing is imported.

    Args:
        taken: Names that no package may use.

    Raises:
        UserError: a name that is taken, or that two packages use.
    """
    found: dict[str, metadata.EntryPoint] = {}
    for point in metadata.entry_points(group=GROUP):
        if point.name in taken or found.setdefault(point.name, point) != point:
            raise UserError(
                f"two optimizers are called {point.name!r}, one of them in the package "
                f"{_package(point)!r}; rename its entry point or uninstall it"
            )
    return found


def load(point: metadata.EntryPoint) -> Optimizer:
    """Import the optimizer of an entry point.

    Raises:
        UserError: it cannot be imported, or is not an `Optimizer` of the entry point's name.
    """
    what = f"the optimizer {point.name!r} of the package {_package(point)!r} ({point.value})"
    try:
        entry = point.load()
    except Exception as error:
        raise UserError(f"{what} cannot be imported: {type(error).__name__}: {error}") from error
    if not isinstance(entry, Optimizer):
        raise UserError(f"{what} must be an Optimizer, got {type(entry).__name__}; see from_optax")
    if entry.name != point.name:
        raise UserError(f"{what} calls itself {entry.name!r}; give both the same name")
    return entry


def _package(point: metadata.EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"
