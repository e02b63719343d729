"""One candidate on its way through the phases, decided anew only where a result changed something.

Phase I tunes everything where the study says so. When it has ended, and the noise is measured that
sensitivity is judged by, phase II follows in its cells, and when that has ended, phase III.
"""

from collections.abc import Iterator, Mapping

from bestiary.errors import UserError
from bestiary.specs import Candidate, Cell, Configuration, Phases, RunResult, Spec, Study
from bestiary.tune._forecast import PredictedConfiguration, confirm, predict
from bestiary.tune._run import Identified, cell_runs, model_of
from bestiary.tune._transfer import Transfer, distance, follow, transfer
from bestiary.tune._tuning import Assignment, CellTuning, first_assignment, tune_cell

Results = Mapping[str, RunResult]


class Skipped(Spec, frozen=True, kw_only=True):
    """Something that a study names and that is not trained.

    Attributes:
        optimizer: Name of the candidate.
        cell: Where; None where it concerns all of its cells.
        what: A configuration or a phase, in words.
        reason: Why, in words.
    """

    optimizer: str
    cell: Cell | None
    what: str
    reason: str


class Campaign:
    """The tuning of one candidate in all its cells, as far as the results allow.

    Attributes:
        candidate: Who.
        tunings: The state of every cell whose tuning has been asked for, in order of the phases.
        learnt: What phase I taught; None before it has ended, and without phases.
        predictions: What phase III predicts, by cell.
        missed: Phases and cells that it does not reach, with reasons.
    """

    def __init__(self, study: Study, candidate: Candidate, results: Results) -> None:
        """Replay everything on the results so far.

        Raises:
            UserError: the candidate cannot start, or the study names a size or coordinate it lacks.
        """
        self.candidate = candidate
        self.tunings: dict[Cell, CellTuning] = {}
        self.learnt: Transfer | None = None
        self.predictions: dict[Cell, PredictedConfiguration] = {}
        self.missed: list[Skipped] = []
        self._study, self._results = study, results
        self._phases = study.phases if isinstance(study.phases, Phases) else None
        self._assignments: dict[Cell, Assignment] = {}
        self._predicted = False
        self._first = tuple(dict.fromkeys(study.tuning.cells))
        self._sources: dict[Cell, Cell] = {cell: cell for cell in self._first}
        for cell in self._first:
            self._tune(first_assignment(study, candidate, cell))
        self.go_on()

    def again(self, cell: Cell) -> None:
        """Decide a cell anew, after a result of it."""
        self._tune(self._assignments[cell])

    def go_on(self) -> list[Cell]:
        """Begin whatever phase can begin now.

        Returns:
            The cells in which something is asked for that was not before.
        """
        before = set(self.tunings)
        if self._phases is not None:
            self._follow(self._phases)
            self._predict(self._phases)
        return [cell for cell in self.tunings if cell not in before]

    def chosen(self, cell: Cell) -> CellTuning | None:
        """The tuning whose winner is reported in a cell; None where there is none, or not yet."""
        if self._phases is not None:
            return self.tunings.get(cell)
        return self.tunings[self.source(cell)]

    def source(self, cell: Cell) -> Cell:
        """The cell whose tuning decides what is reported in another: with phases, itself."""
        if self._phases is not None:
            return cell
        if cell not in self._sources:
            self._sources[cell] = nearest(self._study, cell)
        return self._sources[cell]

    @property
    def waits(self) -> bool:
        """Whether phases are still to begin."""
        if self._phases is None or self._gives_up:
            return False
        return self.learnt is None or not self._predicted

    def reports(self, cell: Cell) -> list[Identified]:
        """The runs that report its winner in a cell; none before there is one that can run."""
        tuning = self.chosen(cell)
        if tuning is None or tuning.winner is None:
            return []
        return self.reported(cell, tuning.winner.planned.configuration)

    def reported(self, cell: Cell, configuration: Configuration) -> list[Identified]:
        """The runs that report a configuration, one for each fresh seed."""
        runs = cell_runs(self._study, self.candidate, cell)
        try:
            return [runs.report(configuration, seed=seed) for seed in self._study.seeds]
        except UserError:
            return []

    def skipped(self) -> Iterator[Skipped]:
        """What is not trained, and why."""
        for cell, tuning in self.tunings.items():
            for one, reason in zip(tuning.infeasible, tuning.reasons, strict=True):
                changed = _changes(tuning.candidate.start, one)
                yield Skipped(optimizer=self.candidate.name, cell=cell, what=changed, reason=reason)
        yield from self.missed

    @property
    def _gives_up(self) -> bool:
        """Whether phase I has ended and nothing in it converged."""
        first = [self.tunings[cell] for cell in self._first]
        return all(one.optimum is not None and one.winner is None for one in first)

    def _tune(self, assignment: Assignment) -> None:
        self._assignments[assignment.cell] = assignment
        self.tunings[assignment.cell] = tune_cell(self._study, assignment, self._results)

    def _follow(self, phases: Phases) -> None:
        if self.learnt is not None or not self._is_judgeable(phases):
            return
        first = {cell: self.tunings[cell] for cell in self._first}
        won = {cell: one for cell, one in first.items() if one.winner is not None}
        if not won:
            self._miss(None, "phases II and III", "nothing converged in phase I")
            return
        self.learnt = transfer(self._study, phases, self.candidate, first, self._fresh(phases))
        for cell in dict.fromkeys(phases.followed):
            near = min(won, key=lambda other: distance(self._study, cell, other))
            self._begin(follow(self._study, phases, self.learnt, cell, won[near]))

    def _predict(self, phases: Phases) -> None:
        ended = all(one.optimum is not None for one in self.tunings.values())
        if self.learnt is None or self._predicted or not ended:
            return
        self._predicted = True
        if phases.predicted_candidates and self.candidate.name not in phases.predicted_candidates:
            if phases.predicted:
                self._miss(None, "phase III", "the study does not predict this candidate")
            return
        won = {cell: self.tunings[cell] for cell in self._by_scale() if self.tunings[cell].winner}
        for cell in dict.fromkeys(phases.predicted):
            prediction = predict(self._study, phases, self.learnt, cell, won)
            self.predictions[cell] = prediction
            who = next(iter(won.values())).candidate
            self._begin(confirm(phases, who, self.learnt, cell, prediction))

    def _begin(self, assignment: Assignment) -> None:
        """Tune another cell, if what it begins with can run there."""
        try:
            self._tune(assignment)
        except UserError as error:
            self._miss(assignment.cell, "this cell", str(error))

    def _is_judgeable(self, phases: Phases) -> bool:
        """Whether phase I has ended, and by `bestiary` its winners have been re-run."""
        if any(self.tunings[cell].optimum is None for cell in self._first):
            return False
        if phases.protocol == "study":
            return True
        runs = [run for cell in self._first for run in self.reports(cell)]
        return all(run.run_id in self._results for run in runs)

    def _fresh(self, phases: Phases) -> dict[Cell, list[float]]:
        """The losses of the winners of phase I on fresh seeds; by `study` nobody asks for them."""
        if phases.protocol == "study":
            return {}
        found = {
            cell: [self._results[run.run_id] for run in self.reports(cell)] for cell in self._first
        }
        return {
            cell: [one.loss["selection"] for one in seeds if one.state == "done"]
            for cell, seeds in found.items()
        }

    def _by_scale(self) -> list[Cell]:
        """Its cells, sizes first, both ascending: the study's law leaves out the two ends."""

        def scale(cell: Cell) -> tuple[int, float]:
            return model_of(self._study, cell).matrix_parameters, cell.ratio

        return sorted(self.tunings, key=scale)

    def _miss(self, cell: Cell | None, what: str, reason: str) -> None:
        one = Skipped(optimizer=self.candidate.name, cell=cell, what=what, reason=reason)
        if one not in self.missed:
            self.missed.append(one)


def nearest(study: Study, cell: Cell) -> Cell:
    """The tuned cell nearest to a cell in log size and log ratio; the first among equals."""
    return min(study.tuning.cells, key=lambda other: distance(study, cell, other))


def _changes(start: Configuration, one: Configuration) -> str:
    """What differs from a starting point, in words."""
    changed = [f"{name} {value}" for name, value in one.items() if start.get(name) != value]
    return ", ".join(changed) or "the starting point"
