"""How a command ends early: the user's mistake (exit code 2), a failure (1), a request to stop."""

import difflib
import re
import signal
from collections.abc import Iterable


class BestiaryError(Exception):
    """A failure that is not the user's mistake: exit code 1."""


class UserError(BestiaryError):
    """The user's mistake: one line that states the rule, the value and the cure; exit code 2.

    Raised before any compute, with nothing created or lost.
    """


# A table of somebody's may have hundreds of columns; every list of Bestiary's own is shorter.
SHOWN = 40


class DiskError(BestiaryError):
    """The disk is full or fails: not this run alone but none can go on; exit code 1."""


class StopRequested(BestiaryError):  # noqa: N818 - a request met, not an error
    """It was asked to stop, and did: what was done is kept, and can be gone on with.

    Attributes:
        signal: The signal that asked for it, Ctrl-C where it was none; the exit code is by
            convention 128 plus that.
    """

    def __init__(self, message: str = "", number: int = signal.SIGINT) -> None:
        """Say what was kept and how to go on."""
        super().__init__(message)
        self.signal = int(number)


# Of a value that a message quotes.
_QUOTED = 80
# A quotation begins after no letter and ends before none, as the apostrophe of a word does not.
_LONG_QUOTE = re.compile(
    rf"(?<!\w)(['\"])((?:(?!\1(?!\w)).){{{_QUOTED}}})(?:(?!\1(?!\w)).)+\1(?!\w)", re.DOTALL
)


def shortened(text: str) -> str:
    """A message in which no value is quoted at more than 80 characters; a path may have 200."""
    text = _LONG_QUOTE.sub(_cut, text)
    return re.sub(r"\S{200,}", lambda found: f"{found[0][:_QUOTED]}...", text)


def _cut(quotation: re.Match[str]) -> str:
    """A quotation's first letters, or all of one that reads like a path, as its end names it."""
    if "/" in quotation[0] and not re.search(r"\s", quotation[0]):
        return quotation[0]
    return f"{quotation[1]}{quotation[2]}...{quotation[1]}"


def quoted(value: object) -> str:
    """A value as a message shows it: at most 80 characters, whatever it is."""
    text = repr(value)
    return text if len(text) <= _QUOTED else f"{text[:_QUOTED]}..."


def unknown(kind: str, name: str, known: Iterable[str]) -> UserError:
    """The error for a name that does not exist, with the nearest known name suggested.

    Args:
        kind: What the name should have named, for instance `"optimizer"`.
        name: What the user wrote.
        known: Every name that would have been accepted.
    """
    names = list(known)
    near = difflib.get_close_matches(str(name), names, n=1, cutoff=0.5)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    known_names = ", ".join(names[:SHOWN]) + more
    name = name if len(name) <= _QUOTED else f"{name[:_QUOTED]}..."
    cure = f"did you mean {near[0]!r}?" if near else f"known: {known_names}"
    return UserError(f"unknown {kind} {name!r}; {cure}")
