"""What came of the runs of each optimizer, cell and purpose, summed up result by result."""

from collections.abc import Iterable

import msgspec

from bestiary.specs import Planned, Purpose, RunResult, Spec
from bestiary.tune._plan import PlannedCost


class Tallied(Spec, frozen=True, kw_only=True):
    """The runs of one candidate in one cell for one purpose.

    Attributes:
        optimizer: Name of the candidate.
        size: Of the cell.
        ratio: Of the cell.
        purpose: A phase of tuning, or reporting.
        at_most: How many runs in all, an upper bound while tuning goes on.
        done: How many have a result, those that diverged included.
        diverged: How many of them diverged.
        failed: How many were given up.
        best: The lowest selection loss, in nats per token; None before there is one.
        tokens: Trained in all of them.
        seconds: Of training them, without compilation and evaluation.
        losses: How many have a selection loss.
        mean: Of these losses; 0 without any.
        squares: Sum of their squared deviations from the mean.
    """

    optimizer: str
    size: str
    ratio: float
    purpose: Purpose
    at_most: int = 0
    done: int = 0
    diverged: int = 0
    failed: int = 0
    best: float | None = None
    tokens: int = 0
    seconds: float = 0.0
    losses: int = 0
    mean: float = 0.0
    squares: float = 0.0


_Key = tuple[str, str, float, Purpose]


class Sums:
    """Sums that a result more changes in one place."""

    def __init__(self, rows: Iterable[Tallied] = ()) -> None:
        """Go on from these sums."""
        self._rows = {(row.optimizer, row.size, row.ratio, row.purpose): row for row in rows}

    def count(self, planned: Planned, result: RunResult) -> None:
        """A result more."""
        cell = planned.cell
        key = planned.optimizer, cell.size, cell.ratio, planned.purpose
        self._rows[key] = _with(self._rows.get(key) or _none(key), result)

    def rows(self) -> tuple[Tallied, ...]:
        """All sums, in the order in which they began."""
        return tuple(self._rows.values())

    def along(self, plan: Iterable[PlannedCost]) -> tuple[Tallied, ...]:
        """The sums of every row of a plan, in its order, each with its bound."""
        keys = {(one.optimizer, one.cell.size, one.cell.ratio, one.purpose): one for one in plan}
        found = [(self._rows.get(key) or _none(key), one.runs) for key, one in keys.items()]
        return tuple(msgspec.structs.replace(row, at_most=bound) for row, bound in found)


def _none(key: _Key) -> Tallied:
    optimizer, size, ratio, purpose = key
    return Tallied(optimizer=optimizer, size=size, ratio=ratio, purpose=purpose)


def _with(row: Tallied, result: RunResult) -> Tallied:
    """The sums with a result more; mean and squares as Welford updates them."""
    done = row.done + (result.state != "failed")
    counted = msgspec.structs.replace(
        row,
        at_most=max(row.at_most, done + row.failed),
        done=done,
        diverged=row.diverged + (result.state == "diverged"),
        failed=row.failed + (result.state == "failed"),
        tokens=row.tokens + result.own_tokens,
        seconds=row.seconds + result.own_share * result.seconds,
    )
    if result.state != "done":
        return counted
    loss, losses = result.loss["selection"], row.losses + 1
    mean = row.mean + (loss - row.mean) / losses
    return msgspec.structs.replace(
        counted,
        best=loss if row.best is None else min(row.best, loss),
        losses=losses,
        mean=mean,
        squares=row.squares + (loss - row.mean) * (loss - mean),
    )
