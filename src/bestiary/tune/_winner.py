"""The configuration that each candidate is reported with in each cell."""

from collections.abc import Mapping

from bestiary.errors import UserError
from bestiary.specs import Cell, Configuration, Purpose, RunResult, Spec, Study
from bestiary.tune._planner import Planner
from bestiary.tune._run import cell_runs
from bestiary.tune._tuning import CellTuning


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
        phase: What the tuning was for: phase I, II or III.
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
    phase: Purpose = "tune"

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
    return winners_of(Planner(study, results))


def winners_of(planner: Planner) -> dict[tuple[str, Cell], Winner]:
    """The same from what is decided already."""
    found = {}
    study = planner.study
    for cell in planner.reported:
        for name, campaign in planner.campaigns.items():
            tuning = campaign.chosen(cell)
            winner = None if tuning is None else _winner(cell, campaign.source(cell), tuning)
            if winner is not None and _can_run(study, winner):
                found[name, cell] = winner
    return found


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
        phase=tuning.purpose,
    )


def _can_run(study: Study, winner: Winner) -> bool:
    runs = cell_runs(study, study.candidate(winner.optimizer), winner.cell)
    try:
        runs.report(winner.configuration, seed=next(iter(study.seeds), study.tuning.seed))
    except UserError:
        return False
    return True
