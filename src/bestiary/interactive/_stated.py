"""What a program states for a command, checked as a command line is."""

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from bestiary.errors import UserError
from bestiary.specs import Spec

F = TypeVar("F", bound=Spec)
Text = str | Path | Sequence[str | Path]


def stated(flags: F) -> F:
    """The flags of a command, if every value is of its type and in its range.

    Raises:
        UserError: one that is not, by the name of its argument.
    """
    from bestiary.cli._flags import in_range

    return in_range(flags, str)


def sources(data: Text) -> tuple[str, ...]:
    """The lines of sources that a command takes, from one path or several.

    Raises:
        UserError: it is neither.
    """
    every = (data,) if isinstance(data, str | Path) else data
    if not isinstance(every, Sequence) or not all(isinstance(one, str | Path) for one in every):
        raise UserError(f"data must be a path or several, got {str(data)[:80]}")
    return tuple(map(str, every))
