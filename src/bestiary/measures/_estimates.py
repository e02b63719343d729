"""From draws to an estimate with its interval, without ever writing a NaN.

Shape suffix: K draws.
"""

import math

import numpy as np

from bestiary.laws import Array
from bestiary.specs import Estimate

LEVEL = 0.95


def estimate(
    value: float, draws_K: Array, *, extrapolated: bool = False, note: str = ""
) -> Estimate:
    """The value with the central 95% of its draws; a bound that is infinite is None.

    Order statistics, rounded outwards, so that infinite draws stay in their place and nothing is
    interpolated between a number and infinity.
    """
    tail = (1 - LEVEL) / 2
    low = float(np.quantile(draws_K, tail, method="lower"))
    high = float(np.quantile(draws_K, 1 - tail, method="higher"))
    return Estimate(
        value=_finite(value),
        low=_finite(low),
        high=_finite(high),
        extrapolated=extrapolated,
        note=note,
    )


def factor(
    log_value: float, log_draws_K: Array, *, extrapolated: bool = False, note: str = ""
) -> Estimate:
    """The same for a factor known by its logarithm: 0 and infinity are no bounds."""
    plain = estimate(log_value, log_draws_K, extrapolated=extrapolated, note=note)
    return Estimate(
        value=_exp(plain.value),
        low=_exp(plain.low),
        high=_exp(plain.high),
        extrapolated=extrapolated,
        note=note,
    )


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None


def _exp(value: float | None) -> float | None:
    return None if value is None else math.exp(value)
