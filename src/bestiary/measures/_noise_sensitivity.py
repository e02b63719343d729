"""What the answer owes to a noise that nobody measured: every interval under other noises."""

from collections.abc import Mapping, Sequence

from msgspec.structs import replace

from bestiary.evidence import Evidence, Observation, stated_noise
from bestiary.measures._cell import Verdict
from bestiary.measures._measures import Measures
from bestiary.specs import Estimate, Spec

FACTORS = (0.25, 0.5, 1.0, 2.0, 4.0)


class AssumedNoise(Spec, frozen=True, kw_only=True):
    """One speedup under one assumed standard deviation between seeds, in nats."""

    noise: float
    token_speedup: Estimate
    verdict: Verdict


class NoiseSensitivity(Spec, frozen=True, kw_only=True):
    """One speedup under several assumed noises.

    Attributes:
        verdict: Under the noise that the report assumes.
        stands_up_to: The largest assumed noise tried at which the verdict is the same; None where
            it is `not distinguishable` or `undetermined`, which more noise does not change.
    """

    optimizer: str
    size: str
    ratio: float
    verdict: Verdict
    stands_up_to: float | None
    under: tuple[AssumedNoise, ...]


def noise_sensitivity(
    measures: Measures, factors: Sequence[float] = FACTORS
) -> tuple[NoiseSensitivity, ...]:
    """Every speedup of the sizes whose noise is assumed; none where all of it was measured.

    Args:
        measures: Of an own study.
        factors: What the assumed noise is multiplied by.
    """
    evidence = measures.evidence
    under = {factor: with_noise(measures, factor) for factor in sorted({1.0, *factors})}
    return tuple(
        _row(under, one)
        for one in evidence.observations
        if one.optimizer != evidence.baseline and not evidence.noise[one.size].measured
    )


def with_noise(measures: Measures, factor: float) -> Measures:
    """The same runs under another noise where it is assumed."""
    noise = {
        size: known if known.measured else stated_noise(factor * known.total, known.source)
        for size, known in measures.evidence.noise.items()
    }
    changed: Evidence = replace(measures.evidence, noise=noise)
    return Measures(changed, measures.count, measures.seed)


def _row(under: Mapping[float, Measures], one: Observation) -> NoiseSensitivity:
    """One speedup under every noise."""
    found = [
        AssumedNoise(
            noise=measures.evidence.noise[one.size].total,
            token_speedup=measures.of(one).speedup,
            verdict=measures.of(one).verdict,
        )
        for measures in under.values()
    ]
    verdict = under[1.0].of(one).verdict
    same = [each.noise for each in found if each.verdict == verdict]
    return NoiseSensitivity(
        optimizer=one.optimizer,
        size=one.size,
        ratio=one.ratio,
        verdict=verdict,
        stands_up_to=max(same) if verdict in ("faster", "slower") else None,
        under=tuple(found),
    )


def verdicts_changed(measures: Measures, factor: float) -> int:
    """How many verdicts differ under this factor times the assumed noise."""
    other = with_noise(measures, factor)
    return sum(
        measures.of(one).verdict != other.of(one).verdict for one in measures.evidence.observations
    )
