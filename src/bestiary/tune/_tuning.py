"""The state of tuning one candidate in one cell, replayed from the results there are."""

import math
from collections.abc import Mapping
from typing import Literal

import msgspec

from bestiary.errors import UserError, unknown
from bestiary.specs import (
    RUN_COORDINATES,
    Candidate,
    Cell,
    Configuration,
    Phases,
    Planned,
    Purpose,
    RunResult,
    Study,
)
from bestiary.tune._descent import CanRun, Optimum, Search, coordinate_descent
from bestiary.tune._edges import Trials, edges, varied
from bestiary.tune._joint import joint_descent
from bestiary.tune._run import Identified, cell_runs
from bestiary.tune._stars import stars, walk

Method = Literal["descent", "joint descent", "stars", "walk"]


class Assignment(msgspec.Struct, frozen=True, kw_only=True):
    """What is to be tuned in one cell, from where and how.

    Attributes:
        candidate: Who, with the starting point and the grid that hold here.
        cell: Where.
        purpose: The phase.
        method: Descent along coordinates, alone or with pairs of them; the study's stars; or the
            walk from a prediction.
        runs: At most this many.
    """

    candidate: Candidate
    cell: Cell
    purpose: Purpose = "tune"
    method: Method = "descent"
    runs: int


class Trial(msgspec.Struct, frozen=True, kw_only=True):
    """A configuration that was trained for tuning."""

    planned: Planned
    result: RunResult

    @property
    def loss(self) -> float:
        """Its selection loss; infinite where the run diverged or failed."""
        return self.result.loss["selection"] if self.result.state == "done" else math.inf


class CellTuning(msgspec.Struct, kw_only=True):
    """How far the tuning of a candidate in a cell has come.

    Attributes:
        candidate: Who is tuned, with a value of every tuned coordinate in its start.
        purpose: The phase.
        runs: At most this many.
        trials: What was trained, in the order in which it was asked for.
        wanted: What must be trained before the search can go on; empty when it has ended.
        infeasible: Configurations skipped because they cannot run.
        reasons: Why each of them cannot.
        refused: Configurations the search asked for when the budget was spent.
        optimum: Where the search ended, None before.
        winner: The trial of the optimum; None while tuning, or where nothing converged.
        edges: The coordinates on which the winner lies at the edge of what was tried.
    """

    candidate: Candidate
    purpose: Purpose = "tune"
    runs: int = 0
    trials: list[Trial] = []
    wanted: list[Identified] = []
    infeasible: list[Configuration] = []
    reasons: list[str] = []
    refused: int = 0
    optimum: Optimum | None = None
    winner: Trial | None = None
    edges: tuple[str, ...] = ()

    @property
    def diverged(self) -> int:
        """How many trials diverged."""
        return sum(trial.result.state == "diverged" for trial in self.trials)

    @property
    def losses(self) -> Trials:
        """What was tried, each configuration with its loss."""
        return [(trial.planned.configuration, trial.loss) for trial in self.trials]

    @property
    def varied(self) -> tuple[str, ...]:
        """The coordinates of which several values were tried."""
        return tuple(varied(self.losses))

    @property
    def bracketed(self) -> bool:
        """Whether the search ended inside every grid that it may extend."""
        return self.winner is not None and not set(self.edges) & set(self.candidate.extend)


def first_assignment(study: Study, candidate: Candidate, cell: Cell) -> Assignment:
    """What phase I asks of a candidate in a cell."""
    method: Method = "descent"
    if isinstance(study.phases, Phases):
        method = "stars" if study.phases.protocol == "study" else "joint descent"
    runs = study.tuning.runs_per_cell
    return Assignment(candidate=candidate, cell=cell, method=method, runs=runs)


def tune_cell(study: Study, assignment: Assignment, results: Mapping[str, RunResult]) -> CellTuning:
    """Replay the search on the results so far, to where it needs a result that is not there.

    Raises:
        UserError: the candidate's starting configuration cannot run, or its grid names a
            coordinate that it does not have.
    """
    candidate = _with_defaults(study, assignment.candidate)
    replay = _Replay(study, msgspec.structs.replace(assignment, candidate=candidate), results)
    replay.runs.tuning(candidate.start)
    search = _search(study, candidate, assignment.method, replay.feasible)
    batch = next(search)
    while not replay.state.wanted:
        losses = replay.answer(batch)
        if replay.state.wanted:
            break
        try:
            batch = search.send(losses)
        except StopIteration as ended:
            replay.end(ended.value)
            break
    return replay.state


def _search(study: Study, candidate: Candidate, method: Method, feasible: CanRun) -> Search:
    gain = study.tuning.minimum_gain
    if method == "stars":
        return stars(candidate, acceptance=gain, feasible=feasible)
    if method == "walk":
        return walk(candidate, minimum_gain=gain, feasible=feasible)
    if method == "joint descent" and isinstance(study.phases, Phases):
        pairs = study.phases.joint
        return joint_descent(candidate, minimum_gain=gain, feasible=feasible, pairs=pairs)
    return coordinate_descent(candidate, minimum_gain=gain, feasible=feasible)


class _Replay:
    """Answers a search from results, within the budget."""

    def __init__(
        self, study: Study, assignment: Assignment, results: Mapping[str, RunResult]
    ) -> None:
        self.study, self.assignment, self.results = study, assignment, results
        self.runs = cell_runs(study, assignment.candidate, assignment.cell)
        self.state = CellTuning(
            candidate=assignment.candidate, purpose=assignment.purpose, runs=assignment.runs
        )
        self._asked: dict[str, Trial | None] = {}

    def feasible(self, configuration: Configuration) -> bool:
        try:
            self._run(configuration)
        except UserError as error:
            if configuration not in self.state.infeasible:
                self.state.infeasible.append(configuration)
                self.state.reasons.append(str(error))
            return False
        return True

    def _run(self, configuration: Configuration) -> Identified:
        return self.runs.tuning(configuration, self.assignment.purpose)

    def answer(self, batch: list[Configuration]) -> list[float]:
        return [self._answer(configuration) for configuration in batch]

    def _answer(self, configuration: Configuration) -> float:
        run = self._run(configuration)
        key = run.run_id
        if key not in self._asked and len(self._asked) == self.assignment.runs:
            self.state.refused += 1
            return math.nan
        if key not in self._asked:
            self._asked[key] = self._trial(run)
        trial = self._asked[key]
        return math.nan if trial is None else trial.loss

    def _trial(self, run: Identified) -> Trial | None:
        """The trial of a run that is asked for; None where it has no result yet."""
        if run.run_id not in self.results:
            self.state.wanted.append(run)
            return None
        trial = Trial(planned=run.planned, result=self.results[run.run_id])
        self.state.trials.append(trial)
        return trial

    def end(self, optimum: Optimum) -> None:
        """Note where the search ended, and what that rests on."""
        state = self.state
        state.optimum = optimum
        if not math.isfinite(optimum.loss):
            return
        # By its run: two configurations may be one, such as shares of warm-up of the same step.
        state.winner = self._asked[self._run(optimum.configuration).run_id]
        if state.winner is not None:
            state.edges = edges(
                state.winner.planned.configuration,
                state.winner.loss,
                state.losses,
                noticeable=self.study.tuning.minimum_gain,
                ranges=state.candidate.ranges,
            )


def _with_defaults(study: Study, candidate: Candidate) -> Candidate:
    """The candidate with every tuned coordinate in its start, so that a row has a current value."""
    start = dict(candidate.start)
    if "batch_size" in candidate.grid:
        start.setdefault("batch_size", study.batch_size)
    if "schedule" in candidate.grid:
        start.setdefault("schedule", candidate.schedule)
    for coordinate in candidate.grid:
        if coordinate not in start:
            known = [*start, *(name for name in RUN_COORDINATES if name not in start)]
            if coordinate in known:
                raise UserError(
                    f"{candidate.name} tunes {coordinate!r} but does not start with a value of it; "
                    "add it to start"
                )
            raise unknown(f"coordinate of {candidate.name}", coordinate, known)
    return msgspec.structs.replace(candidate, start=start)
