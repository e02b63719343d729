"""From the state of a study to the snapshot that is shown: totals, the best so far, time left."""

import time
from collections.abc import Iterable, Mapping

from bestiary.launch._snapshot import Running, Snapshot
from bestiary.specs import Cell, Planned, RunResult, Study
from bestiary.tune import PlannedCost, plan


class Outlook:
    """What is known between two results; only the running jobs change within that time."""

    def __init__(
        self,
        study: Study,
        planned: Mapping[str, Planned],
        results: Mapping[str, RunResult],
        *,
        slots: int,
        began: float,
    ) -> None:
        """Sum up the results so far.

        Args:
            study: The question.
            planned: Every run planned so far, by run id.
            results: Every result, by run id.
            slots: Runs that can be under way at once.
            began: Of this driver, on the monotonic clock.
        """
        self._rows = plan(study, results)
        self._results = results
        self._slots, self._began = slots, began
        done = {key: planned[key] for key, result in results.items() if result.state == "done"}
        self._cell, self._best = _best(study, done, results)
        self._pace = _Pace(done, results)

    def snapshot(self, running: Iterable[Running]) -> Snapshot:
        """The state at this moment."""
        running = tuple(running)
        states = [result.state for result in self._results.values()]
        return Snapshot(
            done=len(states),
            planned=max(sum(row.runs for row in self._rows), len(states) + len(running)),
            diverged=states.count("diverged"),
            failed=states.count("failed"),
            running=running,
            best_cell=self._cell,
            best=self._best,
            seconds_elapsed=time.monotonic() - self._began,
            seconds_left=self._seconds_left(running),
        )

    def _seconds_left(self, running: tuple[Running, ...]) -> float | None:
        """The rest at the pace so far with all slots busy; too long where tuning ends early."""
        if not self._pace.trained:
            return None
        total = sum(row.left * self._pace.seconds(row) for row in self._rows)
        for one in running:
            row = next((row for row in self._rows if _holds(row, one)), None)
            if row is not None:
                total -= self._pace.seconds(row) * one.step / one.steps
        return max(0.0, total) / min(self._slots, max(1, sum(row.left for row in self._rows)))


class _Pace:
    """How long runs take here: training by model FLOP, and what each spends on compiling.

    A size that has not been trained yet is reckoned by the FLOPs of those that have. That is too
    long where the model grows into the machine, and is corrected by its first run.
    """

    def __init__(self, done: Mapping[str, Planned], results: Mapping[str, RunResult]) -> None:
        self.trained = len(done)
        self._compiling = sum(results[key].compile_seconds for key in done) / max(1, len(done))
        seconds: dict[tuple[str, str], float] = {}
        flops: dict[tuple[str, str], float] = {}
        for key, planned in done.items():
            size = planned.cell.size
            for group in ((planned.optimizer, size), ("", size), ("", "")):
                seconds[group] = seconds.get(group, 0.0) + results[key].seconds
                flops[group] = flops.get(group, 0.0) + planned.run.flops
        self._per_flop = {group: seconds[group] / flops[group] for group in seconds}

    def seconds(self, row: PlannedCost) -> float:
        """Seconds of one run: by its optimizer and size, or its size, or all there is."""
        size = row.cell.size
        groups = ((row.optimizer, size), ("", size), ("", ""))
        per_flop = next(self._per_flop[group] for group in groups if group in self._per_flop)
        return self._compiling + per_flop * row.flops


def _holds(row: PlannedCost, one: Running) -> bool:
    return (row.optimizer, row.cell, row.purpose) == (one.optimizer, one.cell, one.purpose)


def _best(
    study: Study, done: Mapping[str, Planned], results: Mapping[str, RunResult]
) -> tuple[Cell | None, dict[str, float]]:
    """The cell that most optimizers have reached, and the lowest loss of each in it."""
    lowest: dict[Cell, dict[str, float]] = {}
    for key, planned in done.items():
        losses = lowest.setdefault(planned.cell, {})
        loss = results[key].loss["selection"]
        losses[planned.optimizer] = min(loss, losses.get(planned.optimizer, loss))
    if not lowest:
        return None, {}
    cell = max(lowest, key=lambda cell: len(lowest[cell]))
    order = [candidate.name for candidate in study.candidates]
    return cell, {name: lowest[cell][name] for name in order if name in lowest[cell]}
