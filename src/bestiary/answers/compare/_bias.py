"""How far the speedups of two studies are apart, over what both measured."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from bestiary.answers.compare._change import LossChange
from bestiary.evidence import Key
from bestiary.measures import Drawn, Measures, estimate, mean_of
from bestiary.specs import Estimate, missing

_NONE = missing("no cell has a speedup with an interval in both studies")


def bias(first: Measures, second: Measures, cells: Iterable[LossChange]) -> Estimate:
    """Mean ln(speedup) of the second study less that of the first.

    Of own studies by the draws of each, in which its baseline errs alike in all cells, and which
    have nothing to do with the other's. Of other people's single losses the errors of all cells are
    taken as common.

    Args:
        first: What the first study measured.
        second: What the second did.
        cells: What both have; those of the baseline do not count.
    """
    cells = [cell for cell in cells if not cell.baseline]
    if {first.evidence.kind, second.evidence.kind} != {"own study"}:
        return _of_dependent([cell.speedup_ratio for cell in cells])
    keys: list[Key] = [(cell.optimizer, cell.size, cell.ratio) for cell in cells]
    pairs = [(first.draws.log_speedup(key), second.draws.log_speedup(key)) for key in keys]
    known = [
        (one, other)
        for one, other in pairs
        if one and other and math.isfinite(one.value) and math.isfinite(other.value)
    ]
    if not known:
        return _NONE
    apart = _shuffled(mean_of([other for _, other in known])) - mean_of([one for one, _ in known])
    return estimate(apart.value, apart.draws)


def _shuffled(drawn: Drawn) -> Drawn:
    """Draws in another order: two studies are drawn from one stream of random numbers."""
    return Drawn(drawn.value, np.random.default_rng(0).permutation(drawn.draws))


def _of_dependent(ratios: Sequence[Estimate]) -> Estimate:
    """The mean of the logs of factors; of their ends too, as cells share the baseline's curve."""
    known = [one for one in ratios if one.value and one.low and one.high]
    if not known:
        return _NONE
    value, low, high = (
        math.fsum(map(math.log, ends)) / len(known)
        for ends in zip(*((one.value, one.low, one.high) for one in known), strict=True)
    )
    return Estimate(value=value, low=low, high=high)
