"""From what was seen to the one record that a report shows."""

from collections.abc import Mapping

from bestiary.answers.report._answer import answer
from bestiary.answers.report._curves import loss_curves
from bestiary.answers.report._downstream import downstream_sentences
from bestiary.answers.report._limits import limits
from bestiary.answers.report._record import Analysis
from bestiary.answers.report._rows import row
from bestiary.errors import UserError
from bestiary.evidence import Evidence, SeedNoise
from bestiary.measures import Measures, baseline_law, downstream, midway, sensitivity, summary
from bestiary.specs import DRAWS

METHOD = (
    "Draws from the posterior: the noise between seeds (a part shared by all optimizers that ran "
    "the same seed, and a part of its own, by optimizer and ratio as far as the runs tell it) is "
    "drawn as freely as its degrees of freedom demand, then every mean loss with the luck of its "
    "tuning, then the baseline's law, which is inverted; the interval is the central 95% of the "
    "draws."
)


def analyse(evidence: Evidence, *, draws: int = DRAWS, seed: int = 0) -> Analysis:
    """Everything a report shows, from whatever results there are so far.

    Args:
        evidence: What an own study saw.
        draws: Draws behind every interval.
        seed: Of the draws; the same arguments give the same record.

    Raises:
        UserError: too few draws.
    """
    if draws < 100:
        raise UserError(f"an interval needs at least 100 draws, got {draws=}")
    measures = Measures(evidence, draws, seed)
    contenders = evidence.contenders
    rows = tuple(
        row(contenders[one.optimizer], one, measures.of(one)) for one in evidence.observations
    )
    others = [name for name in contenders if name != evidence.baseline]
    summaries = tuple(summary(measures, name) for name in others)
    laws = tuple(baseline_law(measures.draws, size) for size in evidence.sizes)
    tasks = downstream(evidence)
    return Analysis(
        study=evidence.name,
        question=evidence.question,
        answer=(
            *answer(measures, rows, summaries),
            *downstream_sentences(tasks, evidence.labels, contenders[evidence.baseline].label),
        ),
        limits=limits(measures, rows, laws),
        baseline=evidence.baseline,
        planned=evidence.planned,
        finished=evidence.finished,
        rows=rows,
        summaries=summaries,
        laws=laws,
        curves=loss_curves(evidence),
        sensitivity=sensitivity(evidence),
        midway=midway(evidence),
        downstream=tasks,
        effort=evidence.effort,
        spending=evidence.spending,
        price=evidence.price,
        noise=evidence.noise,
        indistinct=indistinct(evidence.noise),
        provenance=evidence.provenance,
        method=METHOD,
        draws=draws,
    )


def indistinct(noise: Mapping[str, SeedNoise]) -> dict[str, float]:
    """How far luck alone may part two tuning runs, which share a seed; by size."""
    return {size: one.half_width(one.paired) for size, one in noise.items() if one.measured}
