"""What tuning cost each candidate, so that nobody wins by having been tuned harder."""

import itertools
import math
from collections.abc import Mapping

from bestiary.specs import NOTHING, Cell, Estimate, RunResult, Spec, Study
from bestiary.tune._campaign import Campaign
from bestiary.tune._planner import Planner
from bestiary.tune._regret import left_on_table
from bestiary.tune._transfer import MeasuredNoise, measured_noise
from bestiary.tune._tuning import CellTuning

# Degrees of freedom below which the noise of one size is that of all.
FEW = 3


class CellEffort(Spec, frozen=True, kw_only=True):
    """The tuning of one candidate in one cell.

    Attributes:
        cell: Where.
        varied: The coordinates of which several values were tried.
        runs: Tuning runs with a result.
        diverged: How many of them diverged.
        failed: How many of them failed.
        infeasible: Grid points skipped because they cannot run.
        tokens: Tokens trained.
        device_seconds: Of training and compilation, added up over devices; without evaluation.
        ended: Whether the search has ended.
        exhausted: Whether it ended because the budget was spent.
        bracketed: Whether it ended inside every grid that it may extend.
        best_after: The lowest selection loss after 1, 2, ... runs; None before one converged.
        left_on_table: What further tuning would probably still gain, in nats per token.
    """

    cell: Cell
    varied: tuple[str, ...]
    runs: int
    diverged: int
    failed: int
    infeasible: int
    tokens: int
    device_seconds: float
    ended: bool
    exhausted: bool
    bracketed: bool
    best_after: tuple[float | None, ...]
    left_on_table: Estimate = NOTHING


class TuningEffort(Spec, frozen=True, kw_only=True):
    """The tuning of one candidate in all its cells; sums are over `cells`.

    Attributes:
        optimizer: Name of the candidate.
        tuned: The coordinates of its grid, in the order of tuning.
        fixed: The coordinates left at their start.
        varied: The coordinates of which several values were tried in some cell.
        flops: Model FLOPs of the tokens trained.
    """

    optimizer: str
    tuned: tuple[str, ...]
    fixed: tuple[str, ...]
    varied: tuple[str, ...]
    runs: int
    diverged: int
    failed: int
    infeasible: int
    tokens: int
    device_seconds: float
    flops: int
    cells: tuple[CellEffort, ...]


def ledger(study: Study, results: Mapping[str, RunResult]) -> tuple[TuningEffort, ...]:
    """The tuning effort of every candidate so far, in the study's order.

    Raises:
        UserError: a candidate cannot start, or the study names a size or coordinate it lacks.
    """
    return ledger_of(Planner(study, results))


def ledger_of(planner: Planner) -> tuple[TuningEffort, ...]:
    """The same from what is decided already."""
    return tuple(
        _effort(planner.study, campaign, noise_of(planner, campaign))
        for campaign in planner.campaigns.values()
    )


def noise_of(planner: Planner, campaign: Campaign) -> dict[str, MeasuredNoise]:
    """Between the seeds of a candidate's reports, at every size; of all sizes where one has few."""
    losses: dict[str, list[list[float]]] = {size: [] for size in planner.study.sizes}
    for cell in planner.reported:
        found = (planner.results.get(run.run_id) for run in campaign.reports(cell))
        losses[cell.size].append(
            [one.loss["selection"] for one in found if one is not None and one.state == "done"]
        )
    pooled = measured_noise([seeds for cells in losses.values() for seeds in cells])
    own = {size: measured_noise(cells) for size, cells in losses.items()}
    return {size: one if one.freedom >= FEW else pooled for size, one in own.items()}


def _effort(study: Study, campaign: Campaign, noise: Mapping[str, MeasuredNoise]) -> TuningEffort:
    candidate = campaign.candidate
    cells = tuple(
        _cell_effort(cell, tuning, noise[cell.size]) for cell, tuning in campaign.tunings.items()
    )
    return TuningEffort(
        optimizer=candidate.name,
        tuned=tuple(candidate.grid),
        fixed=tuple(name for name in candidate.start if name not in candidate.grid),
        varied=tuple(dict.fromkeys(name for one in cells for name in one.varied)),
        runs=sum(one.runs for one in cells),
        diverged=sum(one.diverged for one in cells),
        failed=sum(one.failed for one in cells),
        infeasible=sum(one.infeasible for one in cells),
        tokens=sum(one.tokens for one in cells),
        device_seconds=sum(one.device_seconds for one in cells),
        flops=sum(one.tokens * study.sizes[one.cell.size].flops_per_token for one in cells),
        cells=cells,
    )


def _cell_effort(cell: Cell, tuning: CellTuning, noise: MeasuredNoise) -> CellEffort:
    results = [trial.result for trial in tuning.trials]
    best = itertools.accumulate((trial.loss for trial in tuning.trials), min)
    return CellEffort(
        cell=cell,
        varied=tuning.varied,
        runs=len(results),
        diverged=tuning.diverged,
        failed=sum(result.state == "failed" for result in results),
        infeasible=len(tuning.infeasible),
        tokens=sum(result.own_tokens for result in results),
        device_seconds=sum(result.device_seconds for result in results),
        ended=tuning.optimum is not None,
        exhausted=tuning.optimum is not None and tuning.refused > 0,
        bracketed=tuning.bracketed,
        best_after=tuple(loss if math.isfinite(loss) else None for loss in best),
        left_on_table=left_of(tuning, noise),
    )


def left_of(tuning: CellTuning, noise: MeasuredNoise) -> Estimate:
    """What further tuning of a cell would gain; nothing is said before its search has ended."""
    if tuning.winner is None:
        return NOTHING
    winner = tuning.winner.planned.configuration
    return left_on_table(winner, tuning.losses, noise, tuning.candidate.ranges)
