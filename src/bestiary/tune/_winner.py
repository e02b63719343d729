"""The configuration that each candidate is reported with in each cell."""

import math
from collections.abc import Mapping

from bestiary.errors import UserError
from bestiary.specs import Cell, Configuration, RunResult, Spec, Study
from bestiary.tune._run import cell_runs, model_of
from bestiary.tune._tuning import CellTuning, tune_all


class Winner(Spec, frozen=True, kw_only=True):
    """The configuration that a candidate is reported with in a cell, and what it rests on.

    Attributes:
        optimizer: Name of the candidate.
        cell: The cell it is reported in.
        configuration: Every hyperparameter, and the tuned coordinates of the run.
        tuned_in: The cell whose tuning found it; another one where it is inherited.
        selection_loss: The tuning run's loss, nats per token: the minimum over noisy runs, so
            biased low. It is for choosing, never for reporting.
        run_id: The tuning run that won.
        effort: Tuning runs spent in `tuned_in`, diverged ones included.
        diverged: How many of them diverged.
        exhausted: Whether the budget ended the search and not the search itself.
        varied: Coordinates of which several values were tried.
        edges: Those of them on which it lies at the edge of what was tried (`tune.edges`).
        bracketed: Whether no coordinate whose grid extends is among `edges`.
    """

    optimizer: str
    cell: Cell
    configuration: Configuration
    tuned_in: Cell
    selection_loss: float
    run_id: str
    effort: int
    diverged: int
    exhausted: bool
    varied: tuple[str, ...]
    edges: tuple[str, ...]
    bracketed: bool

    @property
    def inherited(self) -> bool:
        """Whether it was tuned in another cell."""
        return self.cell != self.tuned_in


def winners(study: Study, results: Mapping[str, RunResult]) -> dict[tuple[str, Cell], Winner]:
    """The winner of every candidate in every cell of the study whose tuning has ended.

    A cell in which nothing is tuned inherits from the nearest one in which something is. A pair is
    missing while its cell is being tuned, where nothing converged, and where an inherited
    configuration cannot run.

    Args:
        study: The question.
        results: Whatever results there are, by run id.

    Raises:
        UserError: a candidate cannot start, or the study names a size or coordinate it lacks.
    """
    return winners_of(study, tune_all(study, results))


def winners_of(
    study: Study, tunings: dict[tuple[str, Cell], CellTuning]
) -> dict[tuple[str, Cell], Winner]:
    """The same from tunings already replayed."""
    found = {}
    for cell in study.cells:
        source = nearest(study, cell)
        for candidate in study.candidates:
            winner = _winner(cell, source, tunings[candidate.name, source])
            if winner is not None and _can_run(study, winner):
                found[candidate.name, cell] = winner
    return found


def nearest(study: Study, cell: Cell) -> Cell:
    """The tuned cell nearest to a cell in log size and log ratio; the first among equals."""

    def distance(other: Cell) -> float:
        here, there = model_of(study, cell), model_of(study, other)
        size = math.log(here.matrix_parameters / there.matrix_parameters)
        return math.hypot(size, math.log(cell.ratio / other.ratio))

    return min(study.tuning.cells, key=distance)


def _winner(cell: Cell, source: Cell, tuning: CellTuning) -> Winner | None:
    trial = tuning.winner
    if trial is None:
        return None
    return Winner(
        optimizer=tuning.candidate.name,
        cell=cell,
        configuration=trial.planned.configuration,
        tuned_in=source,
        selection_loss=trial.loss,
        run_id=trial.result.run_id,
        effort=len(tuning.trials),
        diverged=tuning.diverged,
        exhausted=tuning.refused > 0,
        varied=tuning.varied,
        edges=tuning.edges,
        bracketed=tuning.bracketed,
    )


def _can_run(study: Study, winner: Winner) -> bool:
    runs = cell_runs(study, study.candidate(winner.optimizer), winner.cell)
    try:
        runs.report(winner.configuration, seed=next(iter(study.seeds), study.tuning.seed))
    except UserError:
        return False
    return True
