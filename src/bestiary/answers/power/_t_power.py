"""The power of t tests, with noise that is measured in the experiment, and before it by a pilot.

Where tuning is allowed some luck, an interval is that of a t distribution and of the luck together:
each optimizer's regret is exponential, so their difference has a Laplace distribution, and no
number of seeds narrows it.

Shape suffixes: Q quantiles of the measured deviation, P of the pilot's, R lucks, M of a mixture.
"""

import math
from collections.abc import Callable
from functools import cache, partial

import numpy as np
from scipy.special import chdtri, log_ndtr, ndtr, stdtrit

from bestiary.laws import RESOLUTION, Array

ALPHA, POWER = 0.05, 0.8
MOST = 1000
QUANTILES, PILOT = 400, 25
# Half the 95% interval of the difference of two exponential numbers of mean 1.
_TWO_LUCKS = math.log(1 / ALPHA)
# Lucks in units of the standard error; below the least they do not count, and above the greatest
# nothing else does.
_LUCKS = np.geomspace(0.01, 1000, 60)
# Degrees of freedom from which a t distribution is as good as normal beside luck.
_NORMAL = 100


def hidden_by(luck: float) -> float:
    """The effect that no number of seeds tells from the luck of tuning, in nats.

    Args:
        luck: Mean regret of a tuned configuration.
    """
    return _TWO_LUCKS * luck


def seeds_needed(
    effect: float, deviation: float, *, paired: bool, pilot: int | None = None, luck: float = 0.0
) -> int | None:
    """Fewest seeds of each with which a t test finds an effect 4 times in 5; None above 1,000.

    Args:
        effect: The difference of means.
        deviation: Of one difference where paired, of one run where not.
        paired: Whether both ran the same seeds.
        pilot: Degrees of freedom with which the deviation was measured; None where it is known.
        luck: Mean regret of a tuned configuration, which the interval allows for.
    """
    chance = partial(t_power, effect, deviation, paired=paired, pilot=pilot, luck=luck)
    return _fewest(2, chance)


def cells_needed(
    effect: float, deviation: float, *, pilot: int | None = None, luck: float = 0.0
) -> int | None:
    """Fewest cells of three paired seeds each that together find an effect; None above 1,000.

    The luck of tuning is alike in all of them.
    """
    chance = partial(t_power, effect, deviation, 3, paired=True, pilot=pilot, luck=luck)
    return _fewest(1, lambda cells: chance(cells=cells))


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
    luck: float = 0.0,
) -> float:
    """The chance that a 95% interval around what is measured excludes 0.

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
        luck: Mean regret of a tuned configuration, which the interval allows for.
    """
    freedom = cells * (seeds - 1 if paired else 2 * seeds - 2)
    variance = (1 if paired else 2) / (seeds * cells)
    error = max(deviation, RESOLUTION) * math.sqrt(variance)
    # The true deviation over the pilot's is the inverse of the pilot's over the true one.
    inverse_P1 = _deviations(pilot, PILOT)[:, None] if pilot else np.ones((1, 1))
    shift_P1 = effect / error * inverse_P1
    measured_Q = _deviations(freedom)
    reach_PQ = measured_Q * _reach(freedom, luck / error * inverse_P1 / measured_Q)
    return float(np.mean(ndtr(shift_P1 - reach_PQ) + ndtr(-shift_P1 - reach_PQ)))


def _reach(freedom: int, luck: Array) -> Array:
    """Half the 95% interval of a difference, in measured standard errors, as is `luck`."""
    if not luck.any():
        return np.full(luck.shape, _bound(freedom))
    near = np.interp(luck, _LUCKS, _reaches(freedom))
    return np.where(luck > _LUCKS[-1], _TWO_LUCKS * luck, near)


@cache
def _reaches(freedom: int) -> Array:
    """Of every one of `_LUCKS`, shape (R,): by halving, over the normals that make up a t."""
    parts_M = 1 / _deviations(freedom, 100) if freedom < _NORMAL else np.ones(1)
    low_R, high_R = np.zeros(_LUCKS.size), 2 * _bound(freedom) + _TWO_LUCKS * _LUCKS
    for _ in range(40):
        middle_R = (low_R + high_R) / 2
        beyond_R = _beyond(middle_R[:, None], parts_M, _LUCKS[:, None]).mean(axis=1)
        outside_R = beyond_R > ALPHA / 2
        low_R, high_R = np.where(outside_R, middle_R, low_R), np.where(outside_R, high_R, middle_R)
    # So few normals have a slightly lighter tail than the t.
    return np.asarray(high_R + _bound(freedom) - high_R[0])


def _beyond(value: Array, normal: Array, luck: Array) -> Array:
    """The chance that a normal and a Laplace number, of these scales, together exceed a value."""
    ratio, scaled = normal / luck, value / normal
    upper = np.exp(ratio**2 / 2 - value / luck + log_ndtr(scaled - ratio))
    lower = np.exp(ratio**2 / 2 + value / luck + log_ndtr(-scaled - ratio))
    return np.asarray(ndtr(-scaled) + (upper - lower) / 2)


@cache
def _bound(freedom: int) -> float:
    """What |t| must exceed."""
    return float(stdtrit(freedom, 1 - ALPHA / 2))


@cache
def _deviations(freedom: int, count: int = QUANTILES) -> Array:
    """Quantiles of the measured over the true standard deviation, shape (Q,)."""
    levels_Q = (np.arange(count) + 0.5) / count
    return np.asarray(np.sqrt(chdtri(freedom, 1 - levels_Q) / freedom))
