"""Sentences and numbers of an answer, as a terminal shows them."""

from typing import TYPE_CHECKING

from bestiary.cli._listing import console

if TYPE_CHECKING:
    from bestiary.analysis import Estimate


def tell(*sentences: str) -> None:
    """Print sentences, one a line, as they are; a terminal wraps them between words."""
    to = console()
    for sentence in sentences:
        to.print(sentence, highlight=False, markup=False, soft_wrap=not to.is_terminal)


def number(estimate: "Estimate", form: str = ".2f", unit: str = "", *, split: bool = False) -> str:
    """A number with its interval: `1.43x [1.31, 1.56]`; `...` where the data set no bound.

    Args:
        estimate: The number.
        form: How to write it.
        unit: What follows the value.
        split: Whether the interval stands on a line of its own, for wide tables.
    """
    if estimate.value is None:
        return "-"
    value = f"{estimate.value:{form}}{unit}"
    if estimate.low is None and estimate.high is None:
        return value
    low, high = ("..." if end is None else f"{end:{form}}" for end in (estimate.low, estimate.high))
    return f"{value}{chr(10) if split else ' '}[{low}, {high}]"
