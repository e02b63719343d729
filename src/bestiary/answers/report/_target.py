"""What runs towards a target loss say: a row for each optimizer at each size, and sentences."""

from collections.abc import Iterable
from typing import Literal

from bestiary.evidence import TargetEvidence, TargetRuns
from bestiary.measures import TargetMeasures
from bestiary.specs import Configuration, Estimate, Spec

TargetVerdict = Literal["baseline", "fewer", "more", "not distinguishable", "undetermined"]


class TargetRow(Spec, frozen=True, kw_only=True):
    """One optimizer at one size.

    Attributes:
        runs: How many of its configuration ended.
        reached: How many of them got there.
        amount: The geometric mean of what they take, in what the target counts.
        speedup: What the baseline takes over that.
        verdict: On what it takes, against the baseline.
    """

    optimizer: str
    size: str
    settings: Configuration
    runs: int
    reached: int
    amount: Estimate
    speedup: Estimate
    verdict: TargetVerdict


class TargetMean(Spec, frozen=True, kw_only=True):
    """One optimizer over all sizes that it shares with the baseline."""

    optimizer: str
    sizes: int
    speedup: Estimate
    verdict: TargetVerdict


class TargetAnalysis(Spec, frozen=True, kw_only=True):
    """What runs towards a target loss say.

    Attributes:
        source: Whose results.
        goal: What is counted until which loss.
        noise: Of one run's amount, in words.
        answer: In sentences.
        rows: By size, the least first.
        means: The fastest first.
        notes: What the results do not allow to conclude.
    """

    source: str
    baseline: str
    counted: str
    target_loss: float
    goal: str
    noise: tuple[str, ...]
    answer: tuple[str, ...]
    rows: tuple[TargetRow, ...]
    means: tuple[TargetMean, ...]
    notes: tuple[str, ...]


def analyse_target(evidence: TargetEvidence) -> TargetAnalysis:
    """Say what each optimizer takes to reach the target, and how sure that is.

    Args:
        evidence: What was seen.
    """
    measures = TargetMeasures(evidence)
    rivals = [name for name in evidence.optimizers if name != evidence.baseline]
    means = sorted((_mean(measures, name) for name in rivals), key=_order)
    return TargetAnalysis(
        source=evidence.source,
        baseline=evidence.baseline,
        counted=evidence.target.counted,
        target_loss=evidence.target.loss,
        goal=evidence.goal,
        noise=tuple(_noise(evidence)),
        answer=tuple(_answer(measures, means)),
        rows=tuple(
            _row(measures, one)
            for size in evidence.sizes
            for name in evidence.optimizers
            if (one := evidence.of(name).get(size))
        ),
        means=tuple(means),
        notes=evidence.notes,
    )


def _verdict(speedup: Estimate, *, baseline: bool = False) -> TargetVerdict:
    """Whether an optimizer takes fewer or more than the baseline, where the interval says."""
    if baseline:
        return "baseline"
    if not speedup.bounded:
        return "undetermined"
    side = speedup.side(1.0)
    if side:
        return "fewer" if side > 0 else "more"
    return "undetermined" if speedup.half_open else "not distinguishable"


def bounded_factor(speedup: Estimate) -> str:
    """A speedup as tables and sentences have it: `1.43x [1.31, 1.56]`, or `at most 0.93x`."""
    for end, told in ((speedup.low, "at least"), (speedup.high, "at most")):
        if speedup.value is None and end is not None:
            return f"{told} {Estimate(value=end, low=None, high=None).times()}"
    return speedup.times()


def _row(measures: TargetMeasures, one: TargetRuns) -> TargetRow:
    baseline = one.optimizer == measures.evidence.baseline
    speedup = measures.speedup(one.optimizer, one.size)
    return TargetRow(
        optimizer=one.optimizer,
        size=one.size,
        settings=one.settings,
        runs=len(one.runs),
        reached=len(one.reached),
        amount=measures.amount(one),
        speedup=speedup,
        verdict=_verdict(speedup, baseline=baseline),
    )


def _mean(measures: TargetMeasures, name: str) -> TargetMean:
    speedup, shared = measures.speedup(name), measures.evidence.of(measures.evidence.baseline)
    sizes = sum(size in shared for size in measures.evidence.of(name))
    return TargetMean(optimizer=name, sizes=sizes, speedup=speedup, verdict=_verdict(speedup))


def _order(one: TargetMean) -> float:
    speedup = one.speedup
    return -(speedup.value or speedup.low or speedup.high or 0.0)


def _answer(measures: TargetMeasures, means: list[TargetMean]) -> Iterable[str]:
    evidence = measures.evidence
    goal, baseline = evidence.goal, evidence.baseline
    over = f", on average over {len(evidence.sizes)} sizes" if len(evidence.sizes) > 1 else ""
    fewer = [one for one in means if measures.beyond_chance(one.optimizer, len(means))]
    if fewer and fewer[0] is means[0]:
        yield (
            f"{means[0].optimizer} needs the fewest {goal}: {baseline} needs "
            f"{bounded_factor(means[0].speedup)} as many{over} (in brackets the 95% interval)."
        )
    elif fewer:
        named = ", ".join(f"{one.optimizer} {bounded_factor(one.speedup)}" for one in fewer)
        yield (
            f"Fewer {goal} than {baseline} beyond noise{over}: {named}; which needs the fewest is "
            "open."
        )
    elif any(one.speedup.bounded for one in means):
        yield f"No optimizer needs fewer {goal} than {baseline} beyond noise{over}."
    elif means:
        yield f"Whether any optimizer needs fewer {goal} than {baseline} is not known."
    for one in means:
        if one.speedup.value is None and one.speedup.bounded:
            lacking = [name for name in (one.optimizer, baseline) if _lost(evidence, name)]
            yield (
                f"Some runs of {' and of '.join(lacking)} never got there: {baseline} needs "
                f"{bounded_factor(one.speedup)} as many as {one.optimizer}."
            )


def _lost(evidence: TargetEvidence, optimizer: str) -> bool:
    """Whether some run of it never got there."""
    return any(len(one.reached) < len(one.runs) for one in evidence.of(optimizer).values())


def _noise(evidence: TargetEvidence) -> Iterable[str]:
    for size in evidence.sizes:
        noise = evidence.noise.get(size)
        if noise is None:
            yield (
                f"noise of one run at {size}: not known, as no configuration was repeated; "
                "`--noise` states it (0.02 is 2%)"
            )
        else:
            yield f"noise of one run at {size}: {noise.total:.2%} ({noise.source})"
