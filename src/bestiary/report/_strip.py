"""The strip at the top of the page: every challenger's overall speedup as a mark on one scale."""

import math
from collections.abc import Callable
from typing import NamedTuple

from bestiary.analysis import Analysis, Estimate, Summary
from bestiary.report import _words as words
from bestiary.report._identity import Identity, identities

TICKS = (0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0, 3.0, 4.0, 6.0, 8.0)


class Strip(NamedTuple):
    """One optimizer on the scale; positions are percent of its width.

    Attributes:
        look: The optimizer.
        summary: Its numbers.
        low: Where the interval begins.
        high: Where it ends.
        mark: Where the value lies; None where there is none.
    """

    look: Identity
    summary: Summary
    low: float
    high: float
    mark: float | None


class Scale(NamedTuple):
    """The logarithmic scale that all strips share.

    Attributes:
        strips: One for each challenger, the fastest first.
        one: Where 1, no speedup, lies.
        ticks: Labels with their positions.
    """

    strips: tuple[Strip, ...]
    one: float
    ticks: tuple[tuple[str, float], ...]


def strips(analysis: Analysis) -> Scale:
    """The scale of all challengers over all cells."""
    looks = identities(analysis)
    known = [one for one in analysis.summaries if one.optimizer in looks]
    known.sort(key=lambda one: -(one.token_speedup.value or 0.0))
    floor, ceiling = _bounds([one.token_speedup for one in known])

    def position(value: float) -> float:
        share = math.log(value / floor) / math.log(ceiling / floor)
        return round(100 * min(1.0, max(0.0, share)), 2)

    made = tuple(_strip(one, looks[one.optimizer], position) for one in known)
    ticks = tuple(
        (f"{tick:g}{words.TIMES}", position(tick)) for tick in TICKS if floor <= tick <= ceiling
    )
    return Scale(strips=made, one=position(1.0), ticks=ticks)


def _strip(summary: Summary, look: Identity, position: Callable[[float], float]) -> Strip:
    estimate = summary.token_speedup
    if estimate.value is None:
        return Strip(look, summary, 0.0, 0.0, None)
    mark = position(estimate.value)
    known = estimate.low is not None or estimate.high is not None
    low = position(estimate.low) if estimate.low else (0.0 if known else mark)
    high = position(estimate.high) if estimate.high else (100.0 if known else mark)
    return Strip(look, summary, low, high, mark)


def _bounds(estimates: list[Estimate]) -> tuple[float, float]:
    ends = [
        v for one in estimates for v in (one.value, one.low, one.high) if v is not None and v > 0
    ]
    return max(0.2, min([0.9, *ends]) / 1.08), min(9.0, max([1.25, *ends]) * 1.08)
