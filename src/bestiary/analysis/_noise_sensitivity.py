"""What the answer owes to a noise that nobody measured: every interval under other noises."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bestiary.analysis._draws import DRAWS, draw_size
from bestiary.analysis._evidence import Evidence, gather
from bestiary.analysis._noise import ASSUMED, loss_noise
from bestiary.analysis._observations import Reported, of_size
from bestiary.analysis._record import Estimate, Verdict
from bestiary.analysis._speedups import speedup_and_verdict
from bestiary.specs import Cell, Planned, RunResult, Spec, Study

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
    study: Study,
    planned: Sequence[Planned],
    results: Mapping[str, RunResult],
    *,
    assumed_noise: float = ASSUMED,
    factors: Sequence[float] = FACTORS,
    draws: int = DRAWS,
    seed: int = 0,
) -> tuple[NoiseSensitivity, ...]:
    """Every speedup of the sizes whose noise is assumed; none where all of it was measured."""
    noises = sorted({assumed_noise, *(assumed_noise * factor for factor in factors)})
    first = gather(study, planned, results, seed=seed, count=draws, assumed=assumed_noise)
    under = {noise: with_assumed(first, noise, seed=seed, count=draws) for noise in noises}
    return tuple(
        _row(under, assumed_noise, one.name, cell)
        for cell in study.cells
        for one in study.candidates
        if one.name != study.baseline and not first.noise[cell.size].measured
    )


def with_assumed(evidence: Evidence, noise: float, *, seed: int, count: int) -> Evidence:
    """The same evidence with another noise where it is assumed."""
    noises, sizes = dict(evidence.noise), dict(evidence.sizes)
    for size, known in evidence.noise.items():
        if not known.measured:
            noises[size] = loss_noise(evidence.found, size, noise)
            here = of_size(evidence.found, size)
            sizes[size] = draw_size(
                here, evidence.study.baseline, noises[size], seed=seed, count=count
            )
    return replace(evidence, noise=noises, sizes=sizes)


def _row(
    under: Mapping[float, Evidence], assumed: float, name: str, cell: Cell
) -> NoiseSensitivity:
    """One speedup under every noise."""
    found = []
    for noise, evidence in under.items():
        group = evidence.found.get(cell, {}).get(name, Reported())
        speedup, verdict = speedup_and_verdict(evidence, (name, cell), group)
        found.append(AssumedNoise(noise=noise, token_speedup=speedup, verdict=verdict))
    verdict = next(one.verdict for one in found if one.noise == assumed)
    same = [one.noise for one in found if one.verdict == verdict]
    return NoiseSensitivity(
        optimizer=name,
        size=cell.size,
        ratio=cell.ratio,
        verdict=verdict,
        stands_up_to=max(same) if verdict in ("faster", "slower") else None,
        under=tuple(found),
    )


def verdicts_changed(evidence: Evidence, factor: float) -> int:
    """How many verdicts differ under this factor times the assumed noise."""
    assumed = next(one.noise.own for one in evidence.noise.values() if not one.measured)
    count = next(
        drawn.draws.size for size in evidence.sizes.values() for drawn in size.losses.values()
    )
    other = with_assumed(evidence, factor * assumed, seed=0, count=count)
    return sum(
        _verdict(evidence, one.name, cell) != _verdict(other, one.name, cell)
        for cell in evidence.study.cells
        for one in evidence.study.candidates
    )


def _verdict(evidence: Evidence, name: str, cell: Cell) -> Verdict:
    """The verdict of one optimizer at one cell."""
    group = evidence.found.get(cell, {}).get(name, Reported())
    return speedup_and_verdict(evidence, (name, cell), group)[1]
