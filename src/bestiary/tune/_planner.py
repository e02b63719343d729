"""From a study and the results so far to the runs still needed.

There is no tuner state to save or lose. Whatever the order in which results came, and whatever was
killed in between, the same results give the same plan, and the same plan the same final table. A
`Planner` remembers what it has decided, so that a result costs its cell and not the whole study.
"""

import bisect
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from bestiary.specs import Cell, Phases, Planned, RunResult, Study
from bestiary.tune._campaign import Campaign, Skipped
from bestiary.tune._resolution import rivals, wanted_seed
from bestiary.tune._run import Identified, cell_runs, model_of
from bestiary.tune._tuning import CellTuning

# A candidate's tuning or its reports in a cell: what one result can change at first hand.
Place = tuple[str, Cell, bool]


class _Waiting(NamedTuple):
    """A run that is needed, sortable by when it is due."""

    cost: float
    reports: bool
    turn: int
    shorter: int
    candidate: int
    cell: int
    place: int
    run: Identified


class Planner:
    """What a study still needs, kept up to date result by result.

    Attributes:
        study: The question.
        results: Every result so far, by run id.
        campaigns: Every candidate's way through the phases, by its name.
        reported: The cells in which winners are reported, in order.
        tuned: The cells in which something is tuned, in order of the phases.
    """

    def __init__(self, study: Study, results: Mapping[str, RunResult]) -> None:
        """Decide everything on the results so far.

        Args:
            study: The question.
            results: Whatever results there are, by run id; others than the study's do no harm.

        Raises:
            UserError: a candidate cannot start, or the study names a size or coordinate it lacks.
        """
        self.study = study
        self.results = dict(results)
        self._phases = study.phases if isinstance(study.phases, Phases) else None
        self._number = {one.name: index for index, one in enumerate(study.candidates)}
        self.reported = dict.fromkeys(study.cells)
        later = (*self._phases.followed, *self._phases.predicted) if self._phases else ()
        self.tuned = dict.fromkeys((*study.tuning.cells, *later))
        named = (*self.reported, *study.tuning.cells)
        self._cell_number = {cell: i for i, cell in enumerate(dict.fromkeys(named))}
        self._cost = {cell: _cost(study, cell) for cell in self._cell_number}
        self._queue: list[_Waiting] = []
        self._held: dict[Place, list[_Waiting]] = {}
        self._asked: dict[str, set[Place]] = {}
        self._fresh: list[_Waiting] = []
        self._touched: dict[Place, None] = {}
        self.campaigns = {one.name: Campaign(study, one, self.results) for one in study.candidates}
        self._reporting = self._where_reported()
        for name, campaign in self.campaigns.items():
            for cell in campaign.tunings:
                self._await_tuning(name, cell)
        for cell in self.reported:
            for name in self.campaigns:
                self._await_reports(name, cell)
        self._touched = {
            (name, cell, reports): None
            for name in self.campaigns
            for cell in self._cell_number
            for reports in (False, True)
        }

    def take(self, result: RunResult) -> None:
        """A result more: whatever it changes is decided anew, and nothing else."""
        self.results[result.run_id] = result
        for name, cell, reports in sorted(self._asked.pop(result.run_id, ()), key=repr):
            if reports:
                self._await_reports(name, cell)
                self._await_rivals(cell)
            else:
                self._again(name, cell)
            self._go_on(name)

    def needed(self) -> list[Planned]:
        """The runs that can be started now and whose results are missing, in the order to run them.

        Tuning runs of every cell, and the fresh-seed runs of the winners of cells that are tuned.
        `[]` means that the study is answered. Cheap cells come first, so that a first answer is
        there early; within a cell the candidates take turns.
        """
        return [run.planned for run in self.waiting()]

    def waiting(self) -> Iterator[Identified]:
        """The same with their ids, one after the other."""
        seen = set()
        for one in self._queue:
            if one.run.run_id not in seen:
                seen.add(one.run.run_id)
                yield one.run

    def fresh(self) -> list[Identified]:
        """The runs that are needed and were not when this was last asked."""
        fresh, self._fresh = self._fresh, []
        return [one.run for one in sorted(fresh, key=lambda item: item[:-1])]

    def touched(self) -> list[Place]:
        """The places that were decided anew since this was last asked."""
        touched, self._touched = self._touched, {}
        return list(touched)

    def tunings(self) -> dict[tuple[str, Cell], CellTuning]:
        """The state of tuning of every candidate in every cell where that was asked for."""
        cells = dict.fromkeys(cell for one in self.campaigns.values() for cell in one.tunings)
        return {
            (name, cell): campaign.tunings[cell]
            for cell in cells
            for name, campaign in self.campaigns.items()
            if cell in campaign.tunings
        }

    def skipped(self) -> tuple[Skipped, ...]:
        """What the study names and does not train, with reasons."""
        return tuple(one for campaign in self.campaigns.values() for one in campaign.skipped())

    def extra_reports(self, name: str, cell: Cell) -> list[Identified]:
        """The runs on seeds in reserve that a candidate was asked for in a cell."""
        more = self._phases.more_seeds if self._phases else ()
        losses, pair = self._rivals(cell) if more else ({}, None)
        if pair is None or name not in pair:
            return []
        wanted = wanted_seed(losses, pair, self.study.seeds, more)
        found = []
        for seed in more:
            if seed != wanted and not all(seed in losses[one] for one in pair):
                break
            found.append(self._report(name, cell, seed))
            if seed == wanted:
                break
        return found

    def needed_seeds(self, cell: Cell) -> bool:
        """Whether seeds in reserve may still be asked for in a cell."""
        if self._phases is None or not self._phases.more_seeds:
            return False
        losses, pair = self._rivals(cell)
        if pair is None:
            return any(
                campaign.waits
                or ((one := campaign.chosen(cell)) is not None and one.optimum is None)
                or any(run.run_id not in self.results for run in campaign.reports(cell))
                for campaign in self.campaigns.values()
            )
        more = self._phases.more_seeds
        return wanted_seed(losses, pair, self.study.seeds, more) is not None

    def _where_reported(self) -> dict[Cell, list[Cell]]:
        """For every cell that is tuned, the cells that report what was found there."""
        found: dict[Cell, list[Cell]] = {cell: [] for cell in self._cell_number}
        first = next(iter(self.campaigns.values()))
        for cell in self.reported:
            found[first.source(cell)].append(cell)
        return found

    def _again(self, name: str, cell: Cell) -> None:
        campaign = self.campaigns[name]
        campaign.again(cell)
        self._await_tuning(name, cell)
        if campaign.tunings[cell].optimum is not None:
            for other in self._reporting[cell]:
                self._await_reports(name, other)
                self._await_rivals(other)

    def _go_on(self, name: str) -> None:
        """Begin the phases of a candidate that can begin now."""
        campaign = self.campaigns[name]
        waited = campaign.waits
        begun = campaign.go_on()
        for cell in begun:
            self._await_tuning(name, cell)
            self._await_reports(name, cell)
        if begun or waited != campaign.waits:
            self._touched |= {
                (name, cell, reports): None
                for cell in self._cell_number
                for reports in (False, True)
            }
        if waited and not campaign.waits:
            for cell in self.reported:  # some wait for nobody else now
                self._await_rivals(cell)

    def _await_tuning(self, name: str, cell: Cell) -> None:
        tuning = self.campaigns[name].tunings[cell]
        first = len(tuning.trials)
        self._hold((name, cell, False), list(enumerate(tuning.wanted, start=first)))

    def _await_reports(self, name: str, cell: Cell) -> None:
        if cell not in self.reported:
            return
        runs = [*self.campaigns[name].reports(cell), *self.extra_reports(name, cell)]
        missing = [(turn, run) for turn, run in enumerate(runs) if run.run_id not in self.results]
        self._hold((name, cell, True), missing)

    def _await_rivals(self, cell: Cell) -> None:
        """After a change in a cell, the two best of it may want another seed."""
        if self._phases is None or not self._phases.more_seeds:
            return
        for name in self.campaigns:
            self._await_reports(name, cell)

    def _rivals(self, cell: Cell) -> tuple[dict[str, dict[int, float]], tuple[str, str] | None]:
        """The losses of a cell in which every candidate has been reported, and its two best."""
        losses: dict[str, dict[int, float]] = {}
        assert self._phases is not None
        for name, campaign in self.campaigns.items():
            tuning = campaign.chosen(cell)
            if tuning is None and not campaign.waits:
                continue
            if tuning is None or tuning.optimum is None:
                return {}, None
            runs = campaign.reports(cell)
            if any(run.run_id not in self.results for run in runs):
                return {}, None
            if runs:
                more = [self._report(name, cell, seed) for seed in self._phases.more_seeds]
                losses[name] = {
                    run.planned.run.seed: self.results[run.run_id].loss["selection"]
                    for run in (*runs, *more)
                    if run.run_id in self.results and self.results[run.run_id].state == "done"
                }
        return losses, rivals(losses, self.study.seeds)

    def _report(self, name: str, cell: Cell, seed: int) -> Identified:
        tuning = self.campaigns[name].chosen(cell)
        assert tuning is not None
        assert tuning.winner is not None
        runs = cell_runs(self.study, self.campaigns[name].candidate, cell)
        return runs.report(tuning.winner.planned.configuration, seed=seed)

    def _hold(self, place: Place, wanted: list[tuple[int, Identified]]) -> None:
        """Let these runs of a place wait, in place of those that did."""
        self._touched[place] = None
        for one in self._held.pop(place, ()):
            del self._queue[bisect.bisect_left(self._queue, one[:-1], key=lambda item: item[:-1])]
        name, cell, reports = place
        held = [
            _Waiting(
                cost=self._cost[cell],
                reports=reports,
                turn=turn,
                shorter=-run.planned.run.tokens,
                candidate=self._number[name],
                cell=self._cell_number[cell],
                place=index,
                run=run,
            )
            for index, (turn, run) in enumerate(wanted)
        ]
        for one in held:
            bisect.insort(self._queue, one, key=lambda item: item[:-1])
            if one.run.run_id not in self._asked:
                self._fresh.append(one)
            self._asked.setdefault(one.run.run_id, set()).add(place)
        if held:
            self._held[place] = held


def needed(study: Study, results: Mapping[str, RunResult]) -> list[Planned]:
    """The runs that can be started now and whose results are missing, in the order to run them.

    Args:
        study: The question.
        results: Whatever results there are, by run id; others than the study's do no harm.

    Raises:
        UserError: a candidate cannot start, or the study names a size or coordinate it lacks.
    """
    return Planner(study, results).needed()


def _cost(study: Study, cell: Cell) -> float:
    """Model FLOPs of a run of the cell, up to a constant."""
    model = model_of(study, cell)
    return model.matrix_parameters * cell.ratio * model.flops_per_token
