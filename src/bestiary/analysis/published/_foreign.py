"""What anybody's imported results say: speedups with intervals, and what cannot be concluded."""

from collections import Counter, defaultdict
from collections.abc import Iterable

import numpy as np

from bestiary.analysis._record import Estimate
from bestiary.analysis.published._reproduce import NOISE
from bestiary.analysis.published._speedups import Speedups
from bestiary.errors import UserError
from bestiary.specs import Configuration, Spec
from bestiary.store import ForeignResult, missing

Cell = tuple[str, str, float]
# (optimizer, size, ratio, state) -> runs.
States = Counter[tuple[str, str, float | None, str]]
# Fewer degrees of freedom than this do not measure a noise.
FREEDOM = 4


class ForeignRow(Spec, frozen=True, kw_only=True):
    """An optimizer's best configuration at one cell.

    Attributes:
        loss: Mean over the runs of that configuration, nats per token.
        repeats: How many runs that is.
        tried: Runs of all configurations at this cell; `diverged` and `unfinished` are among them.
        settings: The configuration.
        place: File and row of its first run.
        speedup: Over the baseline's curve at this size; says why where there is none.
    """

    optimizer: str
    size: str
    ratio: float
    loss: float
    repeats: int
    tried: int
    diverged: int
    unfinished: int
    settings: Configuration
    place: str
    speedup: Estimate


class ForeignComparison(Spec, frozen=True, kw_only=True):
    """What imported results say.

    Attributes:
        noise: Standard deviation of one run's loss, nats per token.
        noise_source: Where that number comes from.
        notes: What the results do not allow to conclude.
    """

    baseline: str
    noise: float
    noise_source: str
    rows: tuple[ForeignRow, ...]
    notes: tuple[str, ...]


def compare_foreign(
    results: Iterable[ForeignResult],
    *,
    baseline: str = "adamw",
    noise: float | None = None,
    draws: int = 2000,
    seed: int = 0,
) -> ForeignComparison:
    """Compare imported runs by the study's method, as far as they allow.

    Args:
        results: Foreign results; runs with a size and a ratio are used.
        baseline: The optimizer whose curves define speedup.
        noise: Standard deviation of one loss; measured from repeats where there are enough, else
            the published study's.
        draws: Redrawn data sets.
        seed: Decides the draws.

    Raises:
        UserError: no runs, or none of the baseline.
    """
    runs = [row for row in results if row.kind == "run" and row.size and row.ratio is not None]
    names = sorted({row.optimizer for row in runs})
    if baseline not in names:
        shown = ", ".join(names) or "no runs at all"
        raise UserError(f"the baseline {baseline!r} must be among the results, got {shown}")
    groups = _groups(runs)
    best = {cell: min(found, key=_mean) for cell, found in groups.items()}
    sigma, source = _noise(groups, noise)
    speedups = Speedups(
        {cell: _mean(group) for cell, group in best.items()},
        baseline=baseline,
        noise=sigma,
        draws=draws,
        seed=seed,
        repeats={cell: len(group) for cell, group in best.items()},
    )
    states: States = Counter((row.optimizer, row.size, row.ratio, row.state) for row in runs)
    return ForeignComparison(
        baseline=baseline,
        noise=sigma,
        noise_source=source,
        rows=tuple(_row(cell, best[cell], speedups, states) for cell in sorted(best)),
        notes=(*missing(runs, baseline), *speedups.gaps.values()),
    )


def _groups(runs: Iterable[ForeignResult]) -> dict[Cell, list[list[ForeignResult]]]:
    """The finished runs of every cell, grouped by configuration."""
    found: dict[Cell, dict[str, list[ForeignResult]]] = defaultdict(lambda: defaultdict(list))
    for row in runs:
        if row.state == "done" and row.ratio is not None:
            configuration = repr((sorted(row.settings.items()), row.steps))
            found[row.optimizer, row.size, row.ratio][configuration].append(row)
    return {cell: list(groups.values()) for cell, groups in found.items()}


def _noise(
    groups: dict[Cell, list[list[ForeignResult]]], stated: float | None
) -> tuple[float, str]:
    """One run's noise: as stated, else pooled over repeats on different seeds, else published."""
    if stated is not None:
        return stated, "stated"
    squares, freedom = 0.0, 0
    for group in (group for found in groups.values() for group in found):
        seeds = {row.seed for row in group}
        if None not in seeds and len(seeds) > 1:
            losses = np.array([row.loss for row in group])
            squares += float(((losses - losses.mean()) ** 2).sum())
            freedom += losses.size - 1
    if freedom >= FREEDOM and squares > 0:
        return float(np.sqrt(squares / freedom)), f"measured, {freedom} degrees of freedom"
    return NOISE, "assumed: what the published study's epsilon ablations scatter by"


def _row(cell: Cell, group: list[ForeignResult], speedups: Speedups, states: States) -> ForeignRow:
    optimizer, size, ratio = cell
    count = {state: states[*cell, state] for state in ("done", "diverged", "unfinished")}
    return ForeignRow(
        optimizer=optimizer,
        size=size,
        ratio=ratio,
        loss=_mean(group),
        repeats=len(group),
        tried=sum(count.values()),
        diverged=count["diverged"],
        unfinished=count["unfinished"],
        settings=group[0].settings,
        place=f"{group[0].file} row {group[0].row}",
        speedup=speedups.estimate(*cell),
    )


def _mean(group: list[ForeignResult]) -> float:
    return float(np.mean([row.loss for row in group]))
