"""From a study and its results to the one record that a report shows."""

from collections.abc import Mapping, Sequence

from bestiary.analysis._answer import answer
from bestiary.analysis._baseline import baseline_law
from bestiary.analysis._curves import loss_curves
from bestiary.analysis._draws import DRAWS
from bestiary.analysis._evidence import Evidence, gather
from bestiary.analysis._limits import limits
from bestiary.analysis._noise import ASSUMED
from bestiary.analysis._record import Analysis, BaselineLaw, Provenance, SensitivityPoint
from bestiary.analysis._rows import row
from bestiary.analysis._summaries import summary
from bestiary.analysis._tuning import best_of, ledger_entry, sensitivity
from bestiary.errors import UserError
from bestiary.specs import Planned, RunResult, Study, digest

METHOD = (
    "Draws from the posterior: the noise between seeds, pooled over cells (a part shared by all "
    "optimizers that ran the same seed, and a part of its own), is drawn as freely as its degrees "
    "of freedom demand, then every mean loss, then the baseline's law, which is inverted; the "
    "interval is the central 95% of the draws."
)


def analyse(
    study: Study,
    planned: Sequence[Planned],
    results: Mapping[str, RunResult],
    *,
    command: str = "",
    draws: int = DRAWS,
    seed: int = 0,
    assumed_noise: float = ASSUMED,
) -> Analysis:
    """Everything a report shows, from whatever results there are so far.

    Args:
        study: The question.
        planned: Every run planned so far, in the order of planning.
        results: Results by run id; those of runs that are not planned are not read.
        command: The command that produced the study.
        draws: Draws behind every interval.
        seed: Of the draws; the same arguments give the same record.
        assumed_noise: Standard deviation between seeds in nats, read where none was measured.

    Raises:
        UserError: draws or the assumed noise are not positive.
    """
    if draws < 100 or not assumed_noise > 0:
        raise UserError(
            "an interval needs at least 100 draws and a positive noise, "
            f"got {draws=}, {assumed_noise=}"
        )
    evidence = gather(study, planned, results, seed=seed, count=draws, assumed=assumed_noise)
    rows = tuple(row(evidence, one, cell) for cell in study.cells for one in study.candidates)
    others = [one for one in study.candidates if one.name != study.baseline]
    summaries = tuple(summary(evidence, one, rows) for one in others)
    laws = tuple(_law(evidence, size) for size in study.sizes)
    runs = evidence.runs
    finished = len(runs & results.keys())
    return Analysis(
        study=study.name,
        question=study.question,
        answer=answer(evidence, rows, summaries, len(runs) - finished),
        limits=limits(evidence, rows, laws),
        baseline=study.baseline,
        planned=len(runs),
        finished=finished,
        rows=rows,
        summaries=summaries,
        laws=laws,
        curves=tuple(
            curve
            for cell in study.cells
            for one in study.candidates
            for curve in loss_curves(evidence.found, cell, one)
        ),
        sensitivity=_sensitivity(evidence),
        ledger=tuple(ledger_entry(one, evidence.tuning) for one in study.candidates),
        provenance=Provenance(
            study_digest=digest(study),
            data_name=study.data.name,
            data_digest=study.data.digest,
            environment=_environment([results[one] for one in sorted(runs & results.keys())]),
            command=command,
            method=METHOD,
            draws=draws,
        ),
    )


def _law(evidence: Evidence, size: str) -> BaselineLaw:
    """The baseline's law at one size."""
    draws, baseline = evidence.sizes[size], evidence.study.baseline
    points = sum(name == baseline for name, _ in draws.losses)
    return baseline_law(size, draws.fitted, points)


def _sensitivity(evidence: Evidence) -> tuple[SensitivityPoint, ...]:
    """The tuning runs around the configuration of each tuned cell."""
    points = []
    for one in evidence.study.candidates:
        for cell in evidence.study.tuning.cells:
            runs = evidence.tuning.get((one.name, cell), [])
            group = evidence.found.get(cell, {}).get(one.name)
            winner = group.configuration if group else best_of(runs)
            if winner:
                points += sensitivity(one, cell, runs, winner)
    return tuple(points)


def _environment(results: Sequence[RunResult]) -> dict[str, str]:
    """What the runs recorded of versions and machine; different values are joined."""
    values: dict[str, dict[str, None]] = {}
    for result in results:
        for key, value in result.environment.items():
            values.setdefault(key, {})[value] = None
    return {key: "; ".join(sorted(seen)) for key, seen in sorted(values.items())}
