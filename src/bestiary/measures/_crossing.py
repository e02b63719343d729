"""Where a line through noisy advantages is zero, with its interval.

Shape suffixes: K draws, C cells, Q coefficients.
"""

import math
from typing import Literal

import numpy as np

from bestiary.laws import Array
from bestiary.measures._estimates import estimate, factor
from bestiary.measures._size_draws import REACH
from bestiary.specs import Estimate, Spec, missing

Axis = Literal["size", "ratio", "batch"]
PLURAL: dict[Axis, str] = {"size": "sizes", "ratio": "ratios", "batch": "batch sizes"}


class Crossing(Spec, frozen=True, kw_only=True):
    """Where along one axis the ranking changes, everything else held.

    Attributes:
        axis: `size` (parameters N), `ratio` (tokens over 20 N) or `batch` (sequences).
        held: What is held, for instance `{"ratio": 4.0}`.
        low: The least value measured on the axis.
        high: The greatest.
        better_below: The optimizer with the lower loss below the crossing.
        at: The crossing; without a value where there is none within 10 times the data.
        chance: Share of the draws that cross within the values measured.
        better: The optimizer that is ahead over all values measured, beyond doubt; else empty.
        changes: Whether the ranking changes within them beyond doubt.
        verdict: In one sentence.
    """

    axis: Axis
    held: dict[str, float]
    low: float
    high: float
    better_below: str
    at: Estimate
    chance: float
    better: str
    changes: bool
    verdict: str

    @property
    def where(self) -> str:
        """What is held, in words."""
        told = [
            f"{value:g}x" if name == "ratio" else f"N {magnitude(value)}"
            for name, value in self.held.items()
        ]
        return " ".join(told) or "all cells"


class Plane:
    """A log advantage that is linear in the logs of some axes, and its draws."""

    def __init__(self, axes: dict[str, int], value_Q: Array, draws_QK: Array) -> None:
        self._axes, self._value_Q, self._draws_QK = axes, value_Q, draws_QK

    def line(self, axis: Axis, held: dict[str, float]) -> tuple[Array, Array]:
        """Height at 1 and slope along one axis: of the fit (2,), of the draws (2, K)."""
        rows = []
        for values in (self._value_Q[:, None], self._draws_QK):
            height = values[0].copy()
            for other, value in held.items():
                if other in self._axes:
                    height += values[self._axes[other]] * math.log(value)
            rows.append(np.stack([height, values[self._axes[axis]]]))
        return rows[0][:, 0], rows[1]


def crossing(
    axis: Axis,
    held: dict[str, float],
    bounds: tuple[float, float],
    names: tuple[str, str],
    plane: Plane,
) -> Crossing:
    """Where the line along an axis is zero."""
    (height, slope), (height_K, slope_K) = plane.line(axis, held)
    logs = math.log(bounds[0]), math.log(bounds[1])
    with np.errstate(divide="ignore", invalid="ignore"):
        at_K = -height_K / slope_K
        at = -float(height) / float(slope) if slope else math.inf
    first_below = height + slope * logs[0] > 0
    # A draw that ranks the two otherwise below the crossing has none in this direction.
    same_K = np.sign(slope_K) == np.sign(slope)
    beyond_K = np.where(height_K + slope_K * logs[0] > 0, np.inf, -np.inf)
    beyond_K = beyond_K if slope < 0 else -beyond_K
    at_K = np.where(same_K & np.isfinite(at_K), at_K, beyond_K)
    reach = math.log(REACH)
    at_K = np.where(at_K > logs[1] + reach, np.inf, at_K)
    at_K = np.where(at_K < logs[0] - reach, -np.inf, at_K)
    inside = logs[0] - reach <= at <= logs[1] + reach
    chance = float(np.mean((at_K >= logs[0]) & (at_K <= logs[1])))
    place = (
        factor(at, at_K, extrapolated=not logs[0] <= at <= logs[1])
        if inside
        else missing(f"no crossing within {REACH:g} times the data")
    )
    signs = [_sign(height_K + slope_K * log) for log in logs]
    better = {1: names[0], -1: names[1], 0: ""}[signs[0] if signs[0] == signs[1] else 0]
    changes = signs[0] * signs[1] < 0
    return Crossing(
        axis=axis,
        held=held,
        low=bounds[0],
        high=bounds[1],
        better_below=names[0] if first_below else names[1],
        at=place,
        chance=chance,
        better=better,
        changes=changes,
        verdict=_verdict(names if first_below else names[::-1], better, changes, place),
    )


def _sign(end_K: Array) -> int:
    """1 or -1 where 95% of the draws agree on it, else 0."""
    interval = estimate(0.0, end_K)
    low, high = interval.low, interval.high
    return 0 if low is None or high is None else (low > 0) - (high < 0)


def _verdict(order: tuple[str, str], better: str, changes: bool, at: Estimate) -> str:
    """What the signs at both ends of the data say, with 95% confidence."""
    if better:
        return ahead_throughout(better)
    if changes and at.value is not None:
        return f"{order[0]} ahead below {magnitude(at.value)}, {order[1]} above"
    return "no change of order beyond doubt"


def ahead_throughout(better: str) -> str:
    """The verdict where one is ahead at every value measured."""
    return f"{better} ahead throughout"


def magnitude(value: float) -> str:
    """A count or ratio in three digits: `2.89B`, `1.5`."""
    for power, unit in ((9, "B"), (6, "M"), (3, "k")):
        if value >= 0.9995 * 10**power:
            return f"{value / 10**power:.3g}{unit}"
    return f"{value:.3g}"
