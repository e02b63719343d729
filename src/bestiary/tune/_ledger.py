"""What tuning cost each candidate, so that nobody wins by having been tuned harder."""

import itertools
import math
from collections.abc import Mapping

from bestiary.specs import Candidate, Cell, RunResult, Spec, Study
from bestiary.tune._tuning import CellTuning, tune_all


class CellEffort(Spec, frozen=True, kw_only=True):
    """The tuning of one candidate in one cell.

    Attributes:
        cell: Where.
        runs: Tuning runs with a result.
        diverged: How many of them diverged.
        failed: How many of them failed.
        infeasible: Grid points skipped because they cannot run.
        tokens: Tokens trained.
        seconds: Seconds of training on one device, without compilation and evaluation.
        ended: Whether the search has ended.
        exhausted: Whether it ended because the budget was spent.
        bracketed: Whether it ended inside every grid that it may extend.
        best_after: The lowest selection loss after 1, 2, ... runs; None before one converged.
    """

    cell: Cell
    runs: int
    diverged: int
    failed: int
    infeasible: int
    tokens: int
    seconds: float
    ended: bool
    exhausted: bool
    bracketed: bool
    best_after: tuple[float | None, ...]


class Effort(Spec, frozen=True, kw_only=True):
    """The tuning of one candidate in all its cells; sums are over `cells`.

    Attributes:
        optimizer: Name of the candidate.
        tuned: The hyperparameters tuned, in their order.
        fixed: The hyperparameters left at their start.
    """

    optimizer: str
    tuned: tuple[str, ...]
    fixed: tuple[str, ...]
    runs: int
    diverged: int
    failed: int
    infeasible: int
    tokens: int
    seconds: float
    flops: int
    cells: tuple[CellEffort, ...]


def ledger(study: Study, results: Mapping[str, RunResult]) -> tuple[Effort, ...]:
    """The tuning effort of every candidate so far, in the study's order.

    Raises:
        UserError: a candidate cannot start, or the study names a size or coordinate it lacks.
    """
    tunings = tune_all(study, results)
    return tuple(
        _effort(
            study,
            candidate,
            {cell: t for (name, cell), t in tunings.items() if name == candidate.name},
        )
        for candidate in study.candidates
    )


def _effort(study: Study, candidate: Candidate, tunings: dict[Cell, CellTuning]) -> Effort:
    cells = tuple(_cell_effort(cell, tuning) for cell, tuning in tunings.items())
    return Effort(
        optimizer=candidate.name,
        tuned=tuple(candidate.grid),
        fixed=tuple(name for name in candidate.start if name not in candidate.grid),
        runs=sum(one.runs for one in cells),
        diverged=sum(one.diverged for one in cells),
        failed=sum(one.failed for one in cells),
        infeasible=sum(one.infeasible for one in cells),
        tokens=sum(one.tokens for one in cells),
        seconds=sum(one.seconds for one in cells),
        flops=sum(one.tokens * study.sizes[one.cell.size].flops_per_token for one in cells),
        cells=cells,
    )


def _cell_effort(cell: Cell, tuning: CellTuning) -> CellEffort:
    results = [trial.result for trial in tuning.trials]
    best = itertools.accumulate((trial.loss for trial in tuning.trials), min)
    return CellEffort(
        cell=cell,
        runs=len(results),
        diverged=tuning.diverged,
        failed=sum(result.state == "failed" for result in results),
        infeasible=len(tuning.infeasible),
        tokens=sum(result.tokens for result in results),
        seconds=sum(result.seconds for result in results),
        ended=tuning.optimum is not None,
        exhausted=tuning.optimum is not None and tuning.refused > 0,
        bracketed=tuning.bracketed,
        best_after=tuple(loss if math.isfinite(loss) else None for loss in best),
    )
