"""What changed between two sets of runs towards a target loss."""

from collections.abc import Iterable

from bestiary.answers.compare._change import Change, side
from bestiary.answers.compare._compare import ratio_of
from bestiary.errors import UserError
from bestiary.evidence import TargetEvidence, TargetRuns
from bestiary.measures import TargetMeasures
from bestiary.specs import Estimate, Spec


class TargetChange(Spec, frozen=True, kw_only=True):
    """One optimizer at one size in both.

    Attributes:
        amount_ratio: What it takes in the second over what it takes in the first.
        amounts: Whether that changed; not known where the two count to other losses.
        speedup_ratio: Its speedup in the second over that in the first.
        speedups: Whether that changed.
    """

    optimizer: str
    size: str
    first: Estimate
    second: Estimate
    amount_ratio: Estimate
    amounts: Change
    first_speedup: Estimate
    second_speedup: Estimate
    speedup_ratio: Estimate
    speedups: Change


class TargetComparison(Spec, frozen=True, kw_only=True):
    """What changed between two sets of runs towards a target loss.

    Attributes:
        answer: In sentences.
        incomparable: Why amounts do not compare; empty where they do.
        cells: Every optimizer and size that both have.
        only_first: Optimizers at sizes that only the first has, and the same of the second.
    """

    first: str
    second: str
    answer: tuple[str, ...]
    incomparable: str
    cells: tuple[TargetChange, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]


def compare_targets(first: TargetEvidence, second: TargetEvidence) -> TargetComparison:
    """Compare two sets of runs, optimizer by optimizer.

    Args:
        first: One.
        second: The other, for instance the later one.

    Raises:
        UserError: they share no optimizer at any size.
    """
    firsts, seconds = (
        {(one.optimizer, one.size): one for one in study.found} for study in (first, second)
    )
    shared = [key for key in firsts if key in seconds]
    if not shared:
        raise UserError(
            f"{first.name} and {second.name} share no optimizer at any size; compare results with "
            "one in common"
        )
    incomparable = _incomparable(first, second)
    both = TargetMeasures(first), TargetMeasures(second, seed=1)
    cells = tuple(_change(firsts[key], seconds[key], *both, incomparable) for key in shared)
    return TargetComparison(
        first=first.source,
        second=second.source,
        answer=tuple(_answer(first, second, cells, incomparable)),
        incomparable=incomparable,
        cells=cells,
        only_first=tuple(" ".join(key) for key in firsts if key not in seconds),
        only_second=tuple(" ".join(key) for key in seconds if key not in firsts),
    )


def _incomparable(first: TargetEvidence, second: TargetEvidence) -> str:
    if first.target.counted == second.target.counted and first.target.loss == second.target.loss:
        return ""
    return f"the first counts {first.goal}, the second {second.goal}"


def _change(
    one: TargetRuns,
    other: TargetRuns,
    first: TargetMeasures,
    second: TargetMeasures,
    incomparable: str,
) -> TargetChange:
    before, after = first.amount(one), second.amount(other)
    amount_ratio = ratio_of(before, after)
    speedups = first.speedup(one.optimizer, one.size), second.speedup(one.optimizer, one.size)
    baseline = first.evidence.baseline == second.evidence.baseline
    speedup_ratio = ratio_of(*speedups)
    own = one.optimizer in (first.evidence.baseline, second.evidence.baseline)
    return TargetChange(
        optimizer=one.optimizer,
        size=one.size,
        first=before,
        second=after,
        amount_ratio=amount_ratio,
        amounts="not known" if incomparable else side(amount_ratio, 1.0),
        first_speedup=speedups[0],
        second_speedup=speedups[1],
        speedup_ratio=speedup_ratio,
        speedups="not known" if own or not baseline else side(speedup_ratio, 1.0),
    )


def _answer(
    first: TargetEvidence,
    second: TargetEvidence,
    cells: tuple[TargetChange, ...],
    incomparable: str,
) -> Iterable[str]:
    if incomparable:
        yield f"Amounts do not compare, only speedups do: {incomparable}."
    else:
        changed = [f"{one.optimizer} {one.size}" for one in cells if one.amounts == "beyond noise"]
        yield f"The {first.goal} changed beyond noise for: {', '.join(changed) or 'none'}."
    if first.baseline != second.baseline:
        yield f"Speedups are over {first.baseline} and over {second.baseline}: they do not compare."
        return
    changed = [f"{one.optimizer} {one.size}" for one in cells if one.speedups == "beyond noise"]
    told = ", ".join(changed) or "none"
    yield f"Speedups over {first.baseline} changed beyond noise for: {told}."
