"""From the state of a study to the snapshot that is shown: totals, the best so far, time left."""

import collections
import time
from collections.abc import Iterable, Mapping

from bestiary.launch._snapshot import Running, Snapshot
from bestiary.specs import Cell, Planned, RunResult
from bestiary.tune import Place, PlannedCost, Planner, Sums, Tallied, places_of, plan_at

# Runs that take as long for each FLOP: optimizer and size, either of them empty for all.
_Group = tuple[str, str]


class Outlook:
    """What is known of a study; a result costs the places that it changes.

    Attributes:
        device_seconds: Spent on training and compilation so far.
        slots: Runs that can be under way at once.
    """

    def __init__(
        self, planner: Planner, planned: Mapping[str, Planned], *, slots: int, began: float
    ) -> None:
        """Sum up the results so far.

        Args:
            planner: What is decided; it takes every result before the outlook does.
            planned: Every run planned so far, by run id; it may grow.
            slots: Runs that can be under way at once.
            began: Of this driver, on the monotonic clock.
        """
        self.device_seconds = 0.0
        self._planner, self._planned = planner, planned
        self.slots, self._began = slots, began
        self._sums = Sums()
        self._states: collections.Counter[str] = collections.Counter()
        self._rows: dict[Place, PlannedCost] = {}
        self._left: dict[_Group, list[int]] = {}
        self._bound = 0
        self._lowest: dict[Cell, dict[str, float]] = {}
        self._fullest: Cell | None = None
        self._pace = _Pace()
        for result in planner.results.values():
            self._count(result)
        self._follow()

    def take(self, result: RunResult) -> None:
        """A result more, which the planner has taken."""
        self._count(result)
        self._follow()

    def rows(self) -> tuple[Tallied, ...]:
        """What came of the runs of every candidate, cell and purpose, in the order of the plan."""
        rows = (self._rows.get(place) for place in places_of(self._planner))
        return self._sums.along(row for row in rows if row is not None)

    def _count(self, result: RunResult) -> None:
        self._states[result.state] += 1
        self.device_seconds += result.device_seconds
        planned = self._planned.get(result.run_id)
        if planned is None:
            return
        self._sums.count(planned, result)
        if result.state != "done":
            return
        self._pace.note(planned, result)
        losses = self._lowest.setdefault(planned.cell, {})
        loss = result.loss["selection"]
        losses[planned.optimizer] = min(loss, losses.get(planned.optimizer, loss))
        # The cell that most optimizers have reached, the first of them to be trained in.
        if self._fullest is None or len(losses) > len(self._lowest[self._fullest]):
            self._fullest = planned.cell

    def _follow(self) -> None:
        """Bring the rows up to date that the planner has decided anew."""
        for place in self._planner.touched():
            row = plan_at(self._planner, place)
            before = self._rows.pop(place, None)
            if before is not None:
                self._add(before, -1)
            if row is not None:
                self._rows[place] = row
                self._add(row, 1)

    def _add(self, row: PlannedCost, sign: int) -> None:
        """Add a row to the sums, or take it away: runs left, and their FLOPs."""
        self._bound += sign * row.runs
        left = self._left.setdefault((row.optimizer, row.cell.size), [0, 0])
        left[0] += sign * row.left
        left[1] += sign * row.left * _flops(row)

    def snapshot(self, running: Iterable[Running]) -> Snapshot:
        """The state at this moment."""
        running = tuple(running)
        done = self._states.total()
        cell = self._shown(running)
        best = self._lowest.get(cell, {}) if cell else {}
        return Snapshot(
            done=done,
            planned=max(self._bound, done + len(running)),
            diverged=self._states["diverged"],
            failed=self._states["failed"],
            running=running,
            best_cell=cell,
            best={name: best[name] for name in self._planner.campaigns if name in best},
            seconds_elapsed=time.monotonic() - self._began,
            seconds_left=self._seconds_left(running),
        )

    def _shown(self, running: tuple[Running, ...]) -> Cell | None:
        """The cell at work where that has a loss, else that which most optimizers have reached."""
        work = collections.Counter(one.cell for one in running if one.cell in self._lowest)
        most = max(work, key=lambda cell: (work[cell], len(self._lowest[cell])), default=None)
        return most or self._fullest

    def _seconds_left(self, running: tuple[Running, ...]) -> float | None:
        """The rest at the pace so far with all slots busy; too long where tuning ends early."""
        if not self._pace.trained:
            return None
        pace = self._pace
        total = sum(pace.seconds(group, *left) for group, left in self._left.items())
        for one in running:
            row = self._rows.get((one.optimizer, one.cell, one.purpose == "report"))
            if row is not None:
                group = (row.optimizer, row.cell.size)
                total -= pace.seconds(group, 1, _flops(row)) * one.step / one.steps
        runs = sum(left[0] for left in self._left.values())
        return max(0.0, total) / min(self.slots, max(1, runs))


def _flops(row: PlannedCost) -> int:
    """Of one run, at most, without what a shorter one of its trunk takes."""
    return round(row.own_share.most * row.flops)


class _Pace:
    """How long runs take here: training by model FLOP, and what each spends on compiling.

    A size that has not been trained yet is reckoned by the FLOPs of those that have. That is too
    long where the model grows into the machine, and is corrected by its first run.
    """

    def __init__(self) -> None:
        self.trained = 0
        self._compiling = 0.0
        self._seconds: dict[_Group, float] = {}
        self._flops: dict[_Group, float] = {}

    def note(self, planned: Planned, result: RunResult) -> None:
        """A run that is done."""
        self.trained += 1
        self._compiling += result.compile_seconds
        size = planned.cell.size
        for group in ((planned.optimizer, size), ("", size), ("", "")):
            self._seconds[group] = self._seconds.get(group, 0.0) + result.seconds
            self._flops[group] = self._flops.get(group, 0.0) + planned.run.flops

    def seconds(self, group: _Group, runs: int, flops: int) -> float:
        """Seconds of some runs: by their optimizer and size, or the size, or all there is."""
        groups = (group, ("", group[1]), ("", ""))
        known = next(one for one in groups if one in self._flops)
        per_flop = self._seconds[known] / self._flops[known]
        return runs * self._compiling / self.trained + per_flop * flops
