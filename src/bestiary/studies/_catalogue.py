"""The list of studies that the command line knows."""

from collections.abc import Callable
from typing import NamedTuple

from bestiary.errors import unknown
from bestiary.specs import DataSpec, Study
from bestiary.studies._paper import paper
from bestiary.studies._quickstart import quickstart
from bestiary.studies._small import laptop, proxy, smoke
from bestiary.studies._trunk import trunk, trunk_full


class Entry(NamedTuple):
    """A study with a name.

    Attributes:
        summary: One line that says what it asks and what it costs.
        build: The function that returns it for a corpus.
        reserve: What it leaves out, for whoever might expect it.
        reduced: A smaller study within it, as the flags that slice it out; empty where none is
            worth a name.
    """

    summary: str
    build: Callable[[DataSpec], Study]
    reserve: str = ""
    reduced: str = ""


STUDIES: dict[str, Entry] = {
    "smoke": Entry(
        "Does everything work here? Two optimizers in three phases of a few steps; a minute.",
        smoke,
    ),
    "quickstart": Entry(
        "Does Muon or SOAP train a small model faster than AdamW? Five minutes on two cores.",
        quickstart,
    ),
    "laptop": Entry(
        "Eleven optimizers in three phases, 8k to 65k, 1x to 8x, four seeds; hours of two cores.",
        laptop,
        reduced="--optimizers adamw,muon,soap",
    ),
    "trunk": Entry(
        "One trunk for each optimizer, with a branch at 1x, 2x, 4x and 8x; half an hour of a core.",
        trunk,
        "It answers beside full runs: `bestiary run trunk-full`, then `bestiary compare "
        "bestiary-trunk-full bestiary-trunk` has the bias of branches in ln(speedup).",
    ),
    "trunk-full": Entry(
        "The same by full runs, tuned at every ratio: what `trunk` is checked against.",
        trunk_full,
    ),
    "proxy": Entry(
        "The same from 1m to 17m; one accelerator.",
        proxy,
        reduced="--optimizers adamw,muon,soap",
    ),
    "paper": Entry(
        "arXiv 2509.02046 again: eleven optimizers in three phases, 130m to 1.2b, 1x to 16x; a "
        "cluster.",
        paper,
        "It is that study's protocol over its grids, for its eleven optimizers in the variants it "
        "ran, on three fresh seeds instead of the minimum of one. What it leaves out is the "
        "study's corpus: give your own tokens. --devices lays a run over several accelerators.",
        reduced="--sizes 130m,300m --optimizers adamw,muon,soap",
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
