"""One optimizer over several cells: its mean speedup and its mean loss difference, and how sure."""

import math
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from bestiary.evidence import Observation
from bestiary.measures._drawn import Drawn, mean_of
from bestiary.measures._draws import Draws
from bestiary.measures._estimates import estimate, factor
from bestiary.measures._measures import Measures
from bestiary.specs import Estimate, missing


def average_speedup(
    measures: Measures, own: Sequence[Observation], read: Callable[[Observation], Estimate]
) -> Estimate:
    """The geometric mean of the token speedups of some cells, as a report's first sentence has it.

    Of own studies it is the mean of the draws. Single losses of other people share the baseline's
    curve, so their speedups are taken as fully dependent: the ends are averaged as the values are.

    Args:
        measures: What the cells measured.
        own: One optimizer at the cells.
        read: The speedup of a cell, where it is not read off the draws.
    """
    if measures.evidence.kind == "own study":
        return _of_draws((measures.draws.log_speedup(one.key) for one in own), len(own))
    return dependent_mean([read(one) for one in own])


def average_time_speedup(measures: Measures, own: Sequence[Observation]) -> Estimate:
    """The same on the clock, where steps were timed."""
    if measures.evidence.kind == "own study":
        return _of_draws((measures.draws.log_time_speedup(one.key) for one in own), len(own))
    return dependent_mean([measures.of(one).time_speedup for one in own])


def average_difference(
    measures: Measures, pairs: Sequence[tuple[Observation, Observation]]
) -> Estimate:
    """The mean loss at equal tokens less the other's, over cells that both ran; it needs no curve.

    Args:
        measures: What the cells measured.
        pairs: One optimizer and another, cell by cell.
    """
    sizes = measures.draws.sizes
    gaps = [
        sizes[one.size].losses[one.key] - sizes[other.size].losses[other.key]
        for one, other in pairs
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
    numbers = [one for one in map(read, own) if one is not None and math.isfinite(one.value)]
    if not numbers:
        return False
    return bool(np.quantile(mean_of(numbers).draws, 0.025 / among, method="lower") > 0)


def _of_draws(found: Iterable[Drawn | None], cells: int) -> Estimate:
    numbers = [one for one in found if one is not None and math.isfinite(one.value)]
    if not numbers:
        return missing("no cell has a value")
    mean = mean_of(numbers)
    return factor(mean.value, mean.draws, note=_note(len(numbers), cells))


def dependent_mean(cells: Sequence[Estimate]) -> Estimate:
    """The geometric mean of factors that err together; an end that one lacks the mean lacks."""
    known = [one for one in cells if one.value is not None]
    if not known:
        notes = dict.fromkeys(one.note for one in cells if one.note)
        return missing("; ".join(notes) or "no cell has a value")
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


def _note(counted: int, cells: int) -> str:
    return "" if counted == cells else f"over the {counted} of {cells} cells that have a value"
