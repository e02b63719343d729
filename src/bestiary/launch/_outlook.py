"""From the state of a study to the snapshot that is shown: totals, the best so far, time left."""

import collections
import time
from collections.abc import Iterable, Mapping

from bestiary.launch._snapshot import Running, Snapshot
from bestiary.specs import Cell, Planned, RunResult, Study
from bestiary.tune import Place, PlannedCost, Planner, plan_at


class Outlook:
    """What is known of a study; a result costs the places that it changes.

    Attributes:
        device_seconds: Spent on training and compilation so far.
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
        self._slots, self._began = slots, began
        self._states: collections.Counter[str] = collections.Counter()
        self._rows: dict[Place, PlannedCost] = {}
        self._open: dict[Place, PlannedCost] = {}
        self._bound = 0
        self._lowest: dict[Cell, dict[str, float]] = {}
        self._pace = _Pace()
        for result in planner.results.values():
            self._count(result)
        self._follow()

    def take(self, result: RunResult) -> None:
        """A result more, which the planner has taken."""
        self._count(result)
        self._follow()

    def _count(self, result: RunResult) -> None:
        self._states[result.state] += 1
        self.device_seconds += result.seconds + result.compile_seconds
        planned = self._planned.get(result.run_id)
        if result.state != "done" or planned is None:
            return
        self._pace.note(planned, result)
        losses = self._lowest.setdefault(planned.cell, {})
        loss = result.loss["selection"]
        losses[planned.optimizer] = min(loss, losses.get(planned.optimizer, loss))

    def _follow(self) -> None:
        """Bring the rows up to date that the planner has decided anew."""
        for place in self._planner.touched():
            row = plan_at(self._planner, place)
            before = self._rows.pop(place, None)
            self._open.pop(place, None)
            self._bound += (row.runs if row else 0) - (before.runs if before else 0)
            if row is not None:
                self._rows[place] = row
                if row.left:
                    self._open[place] = row

    def snapshot(self, running: Iterable[Running]) -> Snapshot:
        """The state at this moment."""
        running = tuple(running)
        done = self._states.total()
        cell, best = _best(self._planner.study, self._lowest)
        return Snapshot(
            done=done,
            planned=max(self._bound, done + len(running)),
            diverged=self._states["diverged"],
            failed=self._states["failed"],
            running=running,
            best_cell=cell,
            best=best,
            seconds_elapsed=time.monotonic() - self._began,
            seconds_left=self._seconds_left(running),
        )

    def _seconds_left(self, running: tuple[Running, ...]) -> float | None:
        """The rest at the pace so far with all slots busy; too long where tuning ends early."""
        if not self._pace.trained:
            return None
        rows = self._open.values()
        total = sum(row.left * self._pace.seconds(row) for row in rows)
        for one in running:
            row = next((row for row in rows if _holds(row, one)), None)
            if row is not None:
                total -= self._pace.seconds(row) * one.step / one.steps
        return max(0.0, total) / min(self._slots, max(1, sum(row.left for row in rows)))


class _Pace:
    """How long runs take here: training by model FLOP, and what each spends on compiling.

    A size that has not been trained yet is reckoned by the FLOPs of those that have. That is too
    long where the model grows into the machine, and is corrected by its first run.
    """

    def __init__(self) -> None:
        self.trained = 0
        self._compiling = 0.0
        self._seconds: dict[tuple[str, str], float] = {}
        self._flops: dict[tuple[str, str], float] = {}

    def note(self, planned: Planned, result: RunResult) -> None:
        """A run that is done."""
        self.trained += 1
        self._compiling += result.compile_seconds
        size = planned.cell.size
        for group in ((planned.optimizer, size), ("", size), ("", "")):
            self._seconds[group] = self._seconds.get(group, 0.0) + result.seconds
            self._flops[group] = self._flops.get(group, 0.0) + planned.run.flops

    def seconds(self, row: PlannedCost) -> float:
        """Seconds of one run: by its optimizer and size, or its size, or all there is."""
        size = row.cell.size
        groups = ((row.optimizer, size), ("", size), ("", ""))
        group = next(group for group in groups if group in self._flops)
        per_flop = self._seconds[group] / self._flops[group]
        return self._compiling / self.trained + per_flop * row.flops


def _holds(row: PlannedCost, one: Running) -> bool:
    return (row.optimizer, row.cell, row.purpose) == (one.optimizer, one.cell, one.purpose)


def _best(
    study: Study, lowest: Mapping[Cell, Mapping[str, float]]
) -> tuple[Cell | None, dict[str, float]]:
    """The cell that most optimizers have reached, and the lowest loss of each in it."""
    if not lowest:
        return None, {}
    cell = max(lowest, key=lambda cell: len(lowest[cell]))
    order = [candidate.name for candidate in study.candidates]
    return cell, {name: lowest[cell][name] for name in order if name in lowest[cell]}
