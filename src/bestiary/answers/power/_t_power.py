"""The power of t tests, with noise that is measured in the experiment, and before it by a pilot.

Shape suffixes: Q quantiles of the measured deviation, P of the pilot's.
"""

import math
from collections.abc import Callable
from functools import cache

import numpy as np
from scipy.special import chdtri, ndtr, stdtrit

from bestiary.laws import RESOLUTION, Array

ALPHA, POWER = 0.05, 0.8
MOST = 1000
QUANTILES, PILOT = 400, 25


def seeds_needed(
    effect: float, deviation: float, *, paired: bool, pilot: int | None = None
) -> int | None:
    """Fewest seeds of each with which a t test finds an effect 4 times in 5; None above 1,000.

    Args:
        effect: The difference of means.
        deviation: Of one difference where paired, of one run where not.
        paired: Whether both ran the same seeds.
        pilot: Degrees of freedom with which the deviation was measured; None where it is known.
    """
    return _fewest(2, lambda seeds: t_power(effect, deviation, seeds, paired=paired, pilot=pilot))


def cells_needed(effect: float, deviation: float, *, pilot: int | None = None) -> int | None:
    """Fewest cells of three paired seeds each that together find an effect; None above 1,000."""
    return _fewest(
        1, lambda cells: t_power(effect, deviation, 3, paired=True, cells=cells, pilot=pilot)
    )


def _fewest(low: int, found: Callable[[int], float]) -> int | None:
    """The least count whose power is enough, by halving."""
    high = MOST
    if found(high) < POWER:
        return None
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if found(middle) >= POWER else (middle + 1, high)
    return low


def t_power(
    effect: float,
    deviation: float,
    seeds: int,
    *,
    paired: bool,
    cells: int = 1,
    pilot: int | None = None,
) -> float:
    """The chance that a two-sided t test at 5% finds an effect.

    The mean over the measured standard deviation s of  Phi(shift - c s) + Phi(-shift - c s),  which
    is the noncentral t without its numerical troubles; and over what the true one may be, where a
    pilot measured it.

    Args:
        effect: The difference of means.
        deviation: Of one difference where paired, of one run where not.
        seeds: Of each optimizer at each cell.
        paired: Whether both ran the same seeds.
        cells: Cells with this effect, over which the mean and the noise are pooled.
        pilot: Degrees of freedom with which the deviation was measured; None where it is known.
    """
    freedom = cells * (seeds - 1 if paired else 2 * seeds - 2)
    variance = (1 if paired else 2) / (seeds * cells)
    shift = effect / (max(deviation, RESOLUTION) * math.sqrt(variance))
    # The true deviation over the pilot's is the inverse of the pilot's over the true one.
    shift_P1 = shift * (_deviations(pilot, PILOT)[:, None] if pilot else np.ones((1, 1)))
    reach_Q = _bound(freedom) * _deviations(freedom)
    return float(np.mean(ndtr(shift_P1 - reach_Q) + ndtr(-shift_P1 - reach_Q)))


@cache
def _bound(freedom: int) -> float:
    """What |t| must exceed."""
    return float(stdtrit(freedom, 1 - ALPHA / 2))


@cache
def _deviations(freedom: int, count: int = QUANTILES) -> Array:
    """Quantiles of the measured over the true standard deviation, shape (Q,)."""
    levels_Q = (np.arange(count) + 0.5) / count
    return np.asarray(np.sqrt(chdtri(freedom, 1 - levels_Q) / freedom))
