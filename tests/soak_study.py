"""The study of the soak: real trainings, many and small."""

import msgspec
from tests.cli.tiny_study import tiny

from bestiary.specs import DataSpec, Study


def soak(data: DataSpec) -> Study:
    """The tiny study with so many seeds that it has about two hundred runs."""
    return msgspec.structs.replace(tiny(data), name="soak", seeds=tuple(range(1, 50)))


def short(data: DataSpec) -> Study:
    """The same with about sixty runs, for a machine that has other work."""
    return msgspec.structs.replace(soak(data), name="soak-short", seeds=tuple(range(1, 15)))
