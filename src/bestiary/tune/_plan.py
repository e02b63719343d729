"""How much is to be trained, at most: what a user wants to know before anything starts."""

import math
import sys
from collections.abc import Iterator, Mapping
from typing import Literal

from bestiary.specs import Candidate, Cell, RunResult, Spec, Study
from bestiary.tune._run import cell_runs, model_of
from bestiary.tune._tuning import CellTuning, tune_all
from bestiary.tune._winner import nearest, winners_of


class PlannedCost(Spec, frozen=True, kw_only=True):
    """The runs of one candidate in one cell for one purpose.

    Attributes:
        optimizer: Name of the candidate.
        cell: Where.
        purpose: Tuning or reporting.
        runs: How many in all, an upper bound while tuning goes on.
        done: How many of them have a result.
        tokens: Training tokens of one run.
        flops: Model FLOPs of one run.
    """

    optimizer: str
    cell: Cell
    purpose: Literal["tune", "report"]
    runs: int
    done: int
    tokens: int
    flops: int

    @property
    def left(self) -> int:
        """Runs without a result, at most."""
        return self.runs - self.done


def plan(study: Study, results: Mapping[str, RunResult]) -> tuple[PlannedCost, ...]:
    """An upper bound on the runs of a study, by candidate, cell and purpose; starts nothing.

    While a cell is tuned, its bound is the budget, or every point of the grid where those are
    fewer; once its search has ended, it is what was run.

    Raises:
        UserError: a candidate cannot start, or the study names a size or coordinate it lacks.
    """
    tunings = tune_all(study, results)
    rows = [_tuning(study, cell, tuning) for (_, cell), tuning in tunings.items()]
    return (*rows, *_reports(study, tunings, results))


def _tuning(study: Study, cell: Cell, tuning: CellTuning) -> PlannedCost:
    done = len(tuning.trials)
    bound = min(study.tuning.runs_per_cell, _grid_points(tuning.candidate))
    runs = done if tuning.optimum is not None else max(bound, done)
    return _cost(study, tuning.candidate, cell, purpose="tune", runs=runs, done=done)


def _reports(
    study: Study,
    tunings: dict[tuple[str, Cell], CellTuning],
    results: Mapping[str, RunResult],
) -> Iterator[PlannedCost]:
    found = winners_of(study, tunings)
    for cell in study.cells:
        for candidate in study.candidates:
            tuning = tunings[candidate.name, nearest(study, cell)]
            winner = found.get((candidate.name, cell))
            own = cell_runs(study, candidate, cell)
            planned = [
                own.report(winner.configuration, seed=seed)
                for seed in (study.seeds if winner else ())
                if winner is not None
            ]
            runs = len(study.seeds) if tuning.optimum is None else len(planned)
            done = sum(one.run_id in results for one in planned)
            yield _cost(study, candidate, cell, purpose="report", runs=runs, done=done)


def _cost(
    study: Study,
    candidate: Candidate,
    cell: Cell,
    *,
    purpose: Literal["tune", "report"],
    runs: int,
    done: int,
) -> PlannedCost:
    model = model_of(study, cell)
    tokens = int(20 * model.matrix_parameters * cell.ratio)
    return PlannedCost(
        optimizer=candidate.name,
        cell=cell,
        purpose=purpose,
        runs=runs,
        done=done,
        tokens=tokens,
        flops=tokens * model.flops_per_token,
    )


def _grid_points(candidate: Candidate) -> int:
    """Points of the grid with the start; no bound where a coordinate may extend."""
    if set(candidate.extend) & set(candidate.grid):
        return sys.maxsize
    return math.prod(
        len({*values, candidate.start[name]}) for name, values in candidate.grid.items()
    )
