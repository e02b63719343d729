"""The list of studies that the command line knows."""

from collections.abc import Callable
from typing import NamedTuple

from bestiary.errors import unknown
from bestiary.specs import DataSpec, Study
from bestiary.studies._paper import paper
from bestiary.studies._quickstart import quickstart


class Entry(NamedTuple):
    """A study with a name.

    Attributes:
        summary: One line that says what it asks and what it costs.
        build: The function that returns it for a corpus.
    """

    summary: str
    build: Callable[[DataSpec], Study]


STUDIES: dict[str, Entry] = {
    "quickstart": Entry(
        "Does Muon or SOAP train a small model faster than AdamW? Five minutes on two cores.",
        quickstart,
    ),
    "paper": Entry(
        "The study arXiv 2509.02046 again: eleven optimizers, 130m to 1.2b, 1x to 8x; a cluster.",
        paper,
    ),
}


def lookup(name: str) -> Entry:
    """The study of that name.

    Raises:
        UserError: there is none; the nearest name is suggested.
    """
    if name not in STUDIES:
        raise unknown("study", name, STUDIES)
    return STUDIES[name]
