"""The strip at the top of the page: every challenger's overall speedups as marks on one scale."""

import math
from collections.abc import Iterable
from typing import NamedTuple

from bestiary.answers.report import Analysis
from bestiary.measures import Summary
from bestiary.report._identity import Identity, identities
from bestiary.specs import TIMES, Estimate

FINE = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.35, 1.5, 1.75, 2.0)
COARSE = (0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 8.0)
# The scale shows at most this; an interval without an end is drawn so far beyond its value.
LEAST, MOST, BEYOND = 0.2, 9.0, 1.25


class Mark(NamedTuple):
    """A speedup on the scale; positions are percent of its width.

    Attributes:
        value: Where it lies.
        low: Where its interval begins.
        width: How wide that is.
        ends: Which of its ends the data left open, as classes of the style sheet.
    """

    value: float
    low: float
    width: float
    ends: str


class Strip(NamedTuple):
    """One optimizer on the scale.

    Attributes:
        look: The optimizer.
        summary: Its numbers.
        marks: Its speedups by `token` and `time`, those that have a value.
    """

    look: Identity
    summary: Summary
    marks: dict[str, Mark]


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


class _Ruler(NamedTuple):
    floor: float
    ceiling: float

    def at(self, value: float) -> float:
        share = math.log(value / self.floor) / math.log(self.ceiling / self.floor)
        return round(100 * min(1.0, max(0.0, share)), 2)


def strips(analysis: Analysis) -> Scale:
    """The scale of all challengers over all cells."""
    looks = identities(analysis.rows)
    known = [one for one in analysis.summaries if one.optimizer in looks]
    known.sort(key=lambda one: -(one.token_speedup.value or 0.0))
    ruler = _ruler(each for one in known for each in (one.token_speedup, one.time_speedup))
    ticks = FINE if ruler.ceiling / ruler.floor < 2.5 else COARSE
    return Scale(
        strips=tuple(_strip(one, looks[one.optimizer], ruler) for one in known),
        one=ruler.at(1.0),
        ticks=tuple(
            (f"{tick:g}{TIMES}", ruler.at(tick))
            for tick in ticks
            if ruler.floor < tick < ruler.ceiling
        ),
    )


def _ruler(estimates: Iterable[Estimate]) -> _Ruler:
    """A scale that holds every value, and every interval as far as one is readable."""
    ends = [1 / 1.1, 1.25]
    for one in estimates:
        if one.value is not None:
            ends += [one.low or one.value / BEYOND, one.value, one.high or one.value * BEYOND]
    return _Ruler(max(LEAST, min(ends) / 1.05), min(MOST, max(ends) * 1.05))


def _strip(summary: Summary, look: Identity, ruler: _Ruler) -> Strip:
    both = {"token": summary.token_speedup, "time": summary.time_speedup}
    marks = {
        kind: _mark(one, one.value, ruler) for kind, one in both.items() if one.value is not None
    }
    return Strip(look, summary, marks)


def _mark(estimate: Estimate, value: float, ruler: _Ruler) -> Mark:
    known = estimate.low is not None or estimate.high is not None
    low = ruler.at(estimate.low) if estimate.low else (0.0 if known else ruler.at(value))
    high = ruler.at(estimate.high) if estimate.high else (100.0 if known else ruler.at(value))
    ends = [
        f"open-{side}"
        for side, end in (("low", estimate.low), ("high", estimate.high))
        if known and end is None
    ]
    return Mark(ruler.at(value), low, round(high - low, 2), " ".join(ends))
