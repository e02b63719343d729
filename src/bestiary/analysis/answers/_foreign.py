"""The findings of imported results, and of the packaged published study."""

import math
from collections import defaultdict
from collections.abc import Iterable

from scipy.stats import norm

from bestiary.analysis._estimates import missing
from bestiary.analysis._record import Estimate
from bestiary.analysis.answers._findings import Finding, Findings, SeedNoise
from bestiary.analysis.answers._tried import curves_of, effort_of, losses_by_batch, took_full_length
from bestiary.analysis.published import ForeignRow, compare_foreign
from bestiary.errors import UserError
from bestiary.specs import SIZES
from bestiary.store import ForeignImport, ForeignResult

NO_TIMES = missing("no step times were published")
Runs = dict[tuple[str, str, float], list[ForeignResult]]


def imported_findings(imported: ForeignImport) -> Findings:
    """What somebody's imported runs found.

    Args:
        imported: The results with their origin and their baseline.

    Raises:
        UserError: no runs, none of the baseline, or a size whose N cannot be told.
    """
    baseline = imported.baseline
    comparison = compare_foreign(imported.results, baseline=baseline)
    noise = SeedNoise(own=comparison.noise, shared=0.0, source=comparison.noise_source)
    runs = runs_by_cell(imported.results)
    losses = {(row.optimizer, row.size, row.ratio): row.loss for row in comparison.rows}
    origin = imported.origin
    return Findings(
        name=origin.source,
        kind="imported results",
        baseline=baseline,
        found=tuple(_finding(row, runs, losses, baseline, noise) for row in comparison.rows),
        noise=noise,
        missing=comparison.notes,
        facts={"url": origin.url, "commit": origin.commit, "licence": origin.licence},
    )


def runs_by_cell(results: Iterable[ForeignResult]) -> Runs:
    """The runs that have a cell, by optimizer, size and ratio."""
    found: Runs = defaultdict(list)
    for row in results:
        if row.kind == "run" and row.size and row.ratio is not None:
            found[row.optimizer, row.size, row.ratio].append(row)
    return dict(found)


def difference(
    loss: float, baseline: float | None, noise: SeedNoise, runs: int, others: int
) -> Estimate:
    """Loss minus the baseline's; its interval comes from the stated noise of single runs."""
    if baseline is None:
        return missing("the baseline has no finished run at this cell")
    half = float(norm.ppf(0.975)) * noise.total * math.sqrt(1 / runs + 1 / others)
    value = loss - baseline
    return Estimate(value=value, low=value - half, high=value + half)


def parameters_of(size: str, runs: Iterable[ForeignResult]) -> float:
    """N of a size: a named one, or tokens over 20 times the ratio.

    Raises:
        UserError: neither says it.
    """
    if size.lower() in SIZES:
        return float(SIZES[size.lower()].matrix_parameters)
    for run in runs:
        if run.tokens and run.ratio:
            return run.tokens / (20 * run.ratio)
    raise UserError(
        f"the parameters of size {size!r} cannot be told; name a size of `bestiary sizes` in the "
        "mapping, or map the tokens"
    )


def _finding(
    row: ForeignRow,
    runs: Runs,
    losses: dict[tuple[str, str, float], float],
    baseline: str,
    noise: SeedNoise,
) -> Finding:
    cell = (row.optimizer, row.size, row.ratio)
    parameters = parameters_of(row.size, runs[cell])
    seeds = {run.seed for run in runs[cell] if run.settings == row.settings}
    configurations = {repr(sorted(run.settings.items())) for run in runs[cell]}
    return Finding(
        optimizer=row.optimizer,
        label=row.optimizer,
        size=row.size,
        parameters=parameters,
        ratio=row.ratio,
        tokens=20 * parameters * row.ratio,
        loss=row.loss,
        runs=row.repeats,
        seeds=None if None in seeds else len(seeds),
        selected_from=len(configurations),
        full_length=took_full_length(row.size, parameters, runs[cell]),
        settings=row.settings,
        effort=effort_of(runs[cell], row.settings, row.loss, noise.total),
        difference=difference(
            row.loss, losses.get((baseline, row.size, row.ratio)), noise, row.repeats, row.repeats
        ),
        speedup=row.speedup,
        time_speedup=NO_TIMES,
        step_time_ratio=NO_TIMES,
        batches=losses_by_batch(runs[cell]),
        curves=curves_of(runs[cell], row.settings),
    )
