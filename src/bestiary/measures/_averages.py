"""One optimizer over several cells: its mean speedup and its mean loss difference, and how sure."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from bestiary.evidence import Observation
from bestiary.measures._drawn import Drawn, mean_of
from bestiary.measures._draws import Draws
from bestiary.measures._estimates import estimate, factor
from bestiary.measures._measures import Measures
from bestiary.specs import Estimate, missing

# Of the draws, and over how many cells.
Mean = tuple[Drawn, int] | None


def average_speedup(measures: Measures, own: Sequence[Observation]) -> Estimate:
    """The geometric mean of the token speedups of some cells, as a report's first sentence has it.

    Of own studies it is the mean of the draws. Single losses of other people share the baseline's
    curve, so their speedups are taken as fully dependent: the ends are averaged as the values are.

    Args:
        measures: What the cells measured.
        own: One optimizer at the cells.
    """
    cells = [measures.of(one).speedup for one in own]
    if measures.evidence.kind == "own study":
        return mean_factor((measures.draws.log_speedup(one.key) for one in own), cells)
    return dependent_mean(cells)


def average_time_speedup(measures: Measures, own: Sequence[Observation]) -> Estimate:
    """The same on the clock, where steps were timed."""
    cells = [measures.of(one).time_speedup for one in own]
    if measures.evidence.kind == "own study":
        return mean_factor((measures.draws.log_time_speedup(one.key) for one in own), cells)
    return dependent_mean(cells)


def average_difference(draws: Draws, pairs: Iterable[tuple[Observation, Observation]]) -> Estimate:
    """The mean loss at equal tokens less the other's, over cells that both ran; it needs no curve.

    Args:
        draws: The draws.
        pairs: One optimizer and another, cell by cell; those without two losses do not count.
    """
    losses = {key: one for size in draws.sizes.values() for key, one in size.losses.items()}
    gaps = [
        losses[one.key] - losses[other.key]
        for one, other in pairs
        if one.key in losses and other.key in losses
    ]
    mean = mean_of(gaps)
    return estimate(mean.value, mean.draws)


def beyond_chance(draws: Draws, optimizer: str, among: int, *, time: bool = False) -> bool:
    """Whether its mean speedup is above 1 with the chance of one false winner of all kept at 5%.

    Args:
        draws: The draws.
        optimizer: The best one.
        among: How many there are besides the baseline.
        time: Of the speedup in time, and not in tokens.
    """
    read = draws.log_time_speedup if time else draws.log_speedup
    own = [one.key for one in draws.evidence.observations if one.optimizer == optimizer]
    mean = finite_mean(map(read, own))
    return mean is not None and bool(np.quantile(mean[0].draws, 0.025 / among, method="lower") > 0)


def finite_mean(found: Iterable[Drawn | None]) -> Mean:
    """The mean of the numbers with a finite value, and how many they are."""
    numbers = [one for one in found if one is not None and math.isfinite(one.value)]
    return (mean_of(numbers), len(numbers)) if numbers else None


def mean_factor(found: Iterable[Drawn | None], cells: Sequence[Estimate]) -> Estimate:
    """The geometric mean of factors by the draws of their logs, or why there is none.

    Args:
        found: The draws of every cell.
        cells: The factors themselves, whose notes say why one is missing.
    """
    mean = finite_mean(found)
    if mean is None:
        return _no_mean(cells)
    drawn, counted = mean
    return factor(drawn.value, drawn.draws, note=_note(counted, len(cells)))


def dependent_mean(cells: Sequence[Estimate]) -> Estimate:
    """The geometric mean of factors that err together; an end that one lacks the mean lacks."""
    known = [one for one in cells if one.value is not None]
    if not known:
        return _no_mean(cells)
    return Estimate(
        value=_geometric([one.value for one in known]),
        low=_geometric([one.low for one in known]),
        high=_geometric([one.high for one in known]),
        extrapolated=any(one.extrapolated for one in known),
        note=_note(len(known), len(cells)),
    )


def _geometric(values: Sequence[float | None]) -> float | None:
    numbers = [one for one in values if one is not None and one > 0]
    if len(numbers) < len(values):
        return None
    return math.exp(math.fsum(math.log(one) for one in numbers) / len(numbers))


def _no_mean(cells: Sequence[Estimate]) -> Estimate:
    notes = dict.fromkeys(one.note for one in cells if one.note)
    return missing("; ".join(notes) or "no cell has a value")


def _note(counted: int, cells: int) -> str:
    return "" if counted == cells else f"over the {counted} of {cells} cells that have a value"
