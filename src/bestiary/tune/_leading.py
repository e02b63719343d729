"""Who leads in every cell while a study goes on, and by how much more than luck."""

import math
from collections.abc import Iterable

from bestiary.laws import student_quantile
from bestiary.specs import Estimate, Purpose, Spec
from bestiary.tune._sums import Tallied


class Leader(Spec, frozen=True, kw_only=True):
    """The candidate with the lowest selection loss of a cell, so far.

    Attributes:
        size: Of the cell.
        ratio: Of the cell.
        optimizer: Who leads.
        loss: Its loss in nats per token: the mean of its fresh seeds, or its best tuning run.
        losses: How many seeds, or tuning runs, that rests on.
        purpose: `report` where all that count are fresh seeds; else a phase of tuning, whose best
            run is the luckiest too.
        behind: The next candidate; empty where it is alone.
        ahead: By how much less the leader's loss is, with its 95% interval.
    """

    size: str
    ratio: float
    optimizer: str
    loss: float
    losses: int
    purpose: Purpose
    behind: str
    ahead: Estimate


def leaders(rows: Iterable[Tallied]) -> tuple[Leader, ...]:
    """The leader of every cell in which something has a loss, in the order of the rows."""
    rows = tuple(rows)
    deviation, freedom = _noise(rows)
    reach = student_quantile(0.975, freedom) * deviation if freedom else None
    cells: dict[tuple[str, float], dict[bool, list[Tallied]]] = {}
    for row in rows:
        if row.losses:
            kinds = cells.setdefault((row.size, row.ratio), {False: [], True: []})
            kinds[row.purpose == "report"].append(row)
    return tuple(_leader(kinds[_compares(kinds)], reach) for kinds in cells.values())


def _compares(kinds: dict[bool, list[Tallied]]) -> bool:
    """Whether a cell is judged by fresh seeds: where two have some, or nobody was tuned there."""
    return len(kinds[True]) > 1 or not kinds[False]


def _noise(rows: Iterable[Tallied]) -> tuple[float, int]:
    """The deviation between fresh seeds, of all cells and candidates, and its freedom."""
    several = [row for row in rows if row.purpose == "report" and row.losses > 1]
    freedom = sum(row.losses - 1 for row in several)
    squares = sum(row.squares for row in several)
    return (math.sqrt(squares / freedom) if freedom else 0.0), freedom


def _leader(rows: list[Tallied], reach: float | None) -> Leader:
    ranked = sorted(rows, key=_loss)
    first, *others = ranked
    behind = next((one for one in others if one.optimizer != first.optimizer), None)
    return Leader(
        size=first.size,
        ratio=first.ratio,
        optimizer=first.optimizer,
        loss=_loss(first),
        losses=first.losses,
        purpose=first.purpose,
        behind=behind.optimizer if behind else "",
        ahead=_ahead(first, behind, reach) if behind else _alone(),
    )


def _alone() -> Estimate:
    return Estimate(value=None, low=None, high=None, note="nobody else has a loss there")


def _ahead(first: Tallied, behind: Tallied, reach: float | None) -> Estimate:
    """The difference; `reach` is the half-width of an interval on one loss, None where unknown."""
    value = _loss(behind) - _loss(first)
    if reach is None:
        return Estimate(value=value, low=None, high=None, note="no noise was measured yet")
    half = reach * math.sqrt(1 / _seeds(first) + 1 / _seeds(behind))
    return Estimate(value=value, low=value - half, high=value + half)


def _loss(row: Tallied) -> float:
    return row.mean if row.purpose == "report" else row.best or 0.0


def _seeds(row: Tallied) -> int:
    """How many losses its loss is the mean of."""
    return row.losses if row.purpose == "report" else 1
