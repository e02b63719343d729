"""Bestiary: which optimizer trains your language model fastest, by how much, and how sure is that?

    import bestiary

    trained = bestiary.train_run("muon", "8k")      # one training
    found = bestiary.run_study("quickstart")        # a study
    found = bestiary.open("bestiary-quickstart")    # what a study has found so far
    found.speedups()                                # plain records; .pandas() for a data frame

    from bestiary.optimizers import muon            # an optax transformation for any program

The package is a ladder (docs/architecture.md): each line imports only from lines above it.
Nothing is imported here until it is used, so that `import bestiary` costs nothing and plain data
never loads JAX.
"""

import typing as _typing
from importlib import import_module as _import_module

if _typing.TYPE_CHECKING:
    from bestiary.interactive import open as open
    from bestiary.interactive import run_study as run_study
    from bestiary.interactive import train_run as train_run

    __version__: str

__all__ = ("__version__", "open", "run_study", "train_run")
_LINES = ("data", "errors", "models", "optimizers", "specs", "studies")


def __getattr__(name: str) -> _typing.Any:
    """What a session uses, imported when it is first asked for."""
    if name == "__version__":
        return _import_module("importlib.metadata").version("bestiary")
    if name in _LINES:
        return _import_module(f"bestiary.{name}")
    if name in __all__:
        return getattr(_import_module("bestiary.interactive"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*__all__, *_LINES]
