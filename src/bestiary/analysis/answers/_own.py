"""The findings of an own study, from its analysis."""

from bestiary.analysis._noise import ASSUMED
from bestiary.analysis._record import Analysis, Row
from bestiary.analysis.answers._design import design_of
from bestiary.analysis.answers._findings import Effort, Finding, Findings, SeedNoise
from bestiary.laws import cell_noise, pooled
from bestiary.specs import Study


def own_findings(analysis: Analysis, study: Study | None = None) -> Findings:
    """Every row that has a loss, with the tuning behind it.

    Args:
        analysis: Of a study, finished or not.
        study: The study itself, so that `compare` can say in what two studies differ.
    """
    return Findings(
        name=analysis.study,
        kind="own study",
        baseline=analysis.baseline,
        found=tuple(_finding(analysis, row) for row in analysis.rows if row.loss.value is not None),
        noise=_noise(analysis),
        missing=tuple(
            f"{row.label} at {row.size} {row.ratio:g}x: {row.loss.note}"
            for row in analysis.rows
            if row.loss.value is None
        ),
        facts=_facts(analysis) | (design_of(study) if study else {}),
    )


def _finding(analysis: Analysis, row: Row) -> Finding:
    assert row.loss.value is not None
    done = [seed for seed in row.seeds if seed.loss is not None]
    return Finding(
        optimizer=row.optimizer,
        label=row.label,
        size=row.size,
        parameters=float(row.parameters),
        ratio=row.ratio,
        tokens=float(row.tokens),
        loss=row.loss.value,
        runs=len(done),
        seeds=len(done),
        selected_from=1,
        full_length=True,  # a result that is `done` took every planned step
        settings=row.configuration,
        effort=_effort(analysis, row),
        difference=row.loss_difference,
        speedup=row.token_speedup,
        time_speedup=row.time_speedup,
        step_time_ratio=row.step_time_ratio,
    )


def _effort(analysis: Analysis, row: Row) -> Effort:
    """The tuning runs of the cell whose configuration this is."""
    at = (row.size, row.ratio)
    if row.inherited_from is not None:
        at = (row.inherited_from.size, row.inherited_from.ratio)
    traces = [
        trace.runs
        for entry in analysis.ledger
        if entry.optimizer == row.optimizer
        for trace in entry.cells
        if (trace.size, trace.ratio) == at
    ]
    return Effort(
        runs=sum(traces),
        coordinates=row.tuned,
        unbracketed=row.unbracketed,
        inherited=row.inherited_from is not None,
    )


def _noise(analysis: Analysis) -> SeedNoise:
    """Pooled over all cells, or assumed where no cell has two seeds."""
    cells: dict[tuple[str, float], list[tuple[str, int, float]]] = {}
    for row in analysis.rows:
        for seed in row.seeds:
            if seed.loss is not None:
                run = (row.optimizer, seed.seed, seed.loss)
                cells.setdefault((row.size, row.ratio), []).append(run)
    noise = pooled(
        cell_noise([run[2] for run in runs], [run[0] for run in runs], [run[1] for run in runs])
        for runs in cells.values()
    )
    if not noise.own_freedom:
        text = "assumed: no cell has two seeds"
        return SeedNoise(own=ASSUMED, shared=0.0, source=text)
    text = f"measured here, {noise.own_freedom} degrees of freedom"
    return SeedNoise(own=noise.own, shared=noise.shared, source=text, freedom=noise.own_freedom)


def _facts(analysis: Analysis) -> dict[str, str]:
    about = analysis.provenance
    seeds = sorted({seed.seed for row in analysis.rows for seed in row.seeds})
    return {
        "data": f"{about.data_name} {about.data_digest[:12]}",
        "report seeds": ", ".join(map(str, seeds)),
        "command": about.command,
        "runs finished": f"{analysis.finished} of {analysis.planned}",
        **about.environment,
    }
