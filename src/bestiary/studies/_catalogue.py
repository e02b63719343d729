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
        reserve: What it leaves out, for whoever might expect it.
    """

    summary: str
    build: Callable[[DataSpec], Study]
    reserve: str = ""


STUDIES: dict[str, Entry] = {
    "quickstart": Entry(
        "Does Muon or SOAP train a small model faster than AdamW? Five minutes on two cores.",
        quickstart,
    ),
    "paper": Entry(
        "Phase I of arXiv 2509.02046 again: eleven optimizers, 130m to 1.2b, 1x to 8x; a cluster.",
        paper,
        "It is phase I of that study: coordinate descent over its grids, for its eleven optimizers "
        "in the variants it ran. Phases II (sensitive hyperparameters at more cells) and III (laws "
        "that predict them for 1.2b) are not in it: 1.2b, and what else was not tuned, inherits "
        "from the nearest tuned cell. Nor are the study's corpus (give your own tokens) and "
        "training over several accelerators: a run must fit one.",
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
