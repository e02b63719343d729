"""The answer in sentences, the most important first."""

import math
from collections.abc import Sequence

from bestiary.analysis._draws import mean_of
from bestiary.analysis._estimates import estimate, factor
from bestiary.analysis._evidence import Evidence
from bestiary.analysis._record import Estimate, Row, Summary
from bestiary.analysis._summaries import mean_log_speedup


def answer(
    evidence: Evidence, rows: Sequence[Row], summaries: Sequence[Summary], unfinished: int
) -> tuple[str, ...]:
    """The sentences that open a report.

    Args:
        evidence: The draws, for comparing two optimizers draw by draw.
        rows: Every optimizer at every cell.
        summaries: Every optimizer over all cells.
        unfinished: Planned runs without a result.
    """
    baseline = evidence.study.candidate(evidence.study.baseline).label
    ranked = sorted(
        (one for one in summaries if one.token_speedup.value is not None),
        key=lambda one: -(one.token_speedup.value or 0.0),
    )
    if not ranked:
        return (_nothing(rows, summaries, baseline), *_unfinished(unfinished))
    sentences = [_headline(ranked[0], baseline), *_unfinished(unfinished)]
    if len(ranked) > 1:
        sentences.append(_runner_up(evidence, ranked[0], ranked[1]))
    sentences += _on_the_clock(ranked, baseline)
    sentences += _with_size(evidence, ranked[0])
    sentences += [_one(summary, baseline) for summary in ranked]
    sentences += [
        f"{one.label} has no speedup: {one.token_speedup.note}."
        for one in summaries
        if one.token_speedup.value is None
    ]
    return tuple(sentences)


def _nothing(rows: Sequence[Row], summaries: Sequence[Summary], baseline: str) -> str:
    """What can be said where no speedup has a value."""
    sides = [
        f"{one.label} is {side} than {baseline} in {count} cell{'s' * (count > 1)}"
        for one in summaries
        for side, count in (("better", one.faster), ("worse", one.slower))
        if count
    ]
    reasons = dict.fromkeys(row.token_speedup.note for row in rows if row.verdict != "baseline")
    told = f" At equal tokens {', '.join(sides)}." if sides else ""
    return f"No speedup over {baseline} can be stated: {'; '.join(reasons)}.{told}"


def _unfinished(count: int) -> list[str]:
    """That the answer may change, while it may."""
    runs = "run has" if count == 1 else "runs have"
    return [f"This may change: {count} planned {runs} no result yet."] * bool(count)


def _headline(best: Summary, baseline: str) -> str:
    """Who wins, by how much, and how sure that is."""
    speedup = best.token_speedup
    if speedup.low is None or speedup.low <= 1:
        return (
            f"No optimizer needs fewer tokens than {baseline} beyond doubt: the best, "
            f"{best.label}, has a token speedup of {_times(speedup)}."
        )
    return (
        f"{best.label} needs the fewest tokens: {_times(speedup)} fewer than {baseline} for the "
        "same loss, on average over all cells (in brackets the 95% interval)."
    )


def _runner_up(evidence: Evidence, best: Summary, second: Summary) -> str:
    """Whether the two best differ."""
    first = mean_log_speedup(evidence, best.optimizer)
    other = mean_log_speedup(evidence, second.optimizer)
    assert first is not None
    assert other is not None
    drawn = first[0] - other[0]
    ratio = factor(drawn.value, drawn.draws)
    if ratio.low is not None and ratio.low > 1:
        return f"That is {_times(ratio)} the speedup of {second.label}, the next."
    if ratio.low is None and ratio.high is None:
        return _runner_up_by_loss(evidence, best, second)
    return (
        f"{best.label} and {second.label} are not distinguishable: their speedups have a ratio "
        f"of {_times(ratio)}."
    )


def _runner_up_by_loss(evidence: Evidence, best: Summary, second: Summary) -> str:
    """The same where both read the baseline's curve so far beyond its data that none has a bound.

    Losses at equal tokens need no curve; verdicts of single cells fall back on them as well.
    """
    gaps = [
        losses[first] - losses[other]
        for cell in evidence.study.cells
        for losses in [evidence.sizes[cell.size].losses]
        for first, other in [((best.optimizer, cell), (second.optimizer, cell))]
        if first in losses and other in losses
    ]
    drawn = mean_of(gaps)
    gap = estimate(-drawn.value, -drawn.draws)
    told = f"{gap.value:.3f} nats ({gap.low:.3f} to {gap.high:.3f})"
    if gap.low is not None and gap.low > 0:
        return f"At equal tokens its loss is {told} below that of {second.label}, the next."
    return (
        f"{best.label} and {second.label} are not distinguishable: at equal tokens their losses "
        f"differ by {told}."
    )


def _on_the_clock(ranked: Sequence[Summary], baseline: str) -> list[str]:
    """Who wins in time, where that was measured."""
    timed = [one for one in ranked if one.time_speedup.value is not None]
    if not timed:
        return []
    best = max(timed, key=lambda one: one.time_speedup.value or 0.0)
    if best.time_speedup.low is None or best.time_speedup.low <= 1:
        return [
            f"In time on this machine none is faster than {baseline} beyond doubt: the best, "
            f"{best.label}, has a speedup of {_times(best.time_speedup)}."
        ]
    return [
        f"In time on this machine {best.label} is the fastest, by {_times(best.time_speedup)} "
        f"over {baseline}."
    ]


def _with_size(evidence: Evidence, best: Summary) -> list[str]:
    """Whether the winner's speedup changes from the smallest to the largest size."""
    sizes = sorted(
        evidence.study.sizes, key=lambda one: evidence.study.sizes[one].matrix_parameters
    )
    means = {size: mean_log_speedup(evidence, best.optimizer, size) for size in sizes}
    known = [(size, mean[0]) for size, mean in means.items() if mean is not None]
    if len(known) < 2:
        return []
    (small, first), (large, last) = known[0], known[-1]
    change = factor((last - first).value, (last - first).draws)
    told = (
        f"{best.label}'s token speedup is {math.exp(first.value):.2f}x at {small} and "
        f"{math.exp(last.value):.2f}x at {large}"
    )
    if change.high is not None and change.high < 1:
        return [f"{told}: it falls with size."]
    if change.low is not None and change.low > 1:
        return [f"{told}: it grows with size."]
    return [f"{told}: no change with size beyond doubt."]


def _one(one: Summary, baseline: str) -> str:
    """Tokens, time and verdicts of one optimizer."""
    time = (
        f"{_times(one.time_speedup)} in time on this machine"
        if one.time_speedup.value is not None
        else "no time measured"
    )
    counts = [
        f"{word} in {count}"
        for word, count in (
            (f"faster than {baseline}", one.faster),
            ("slower", one.slower),
            ("not distinguishable or undetermined", one.undecided),
        )
        if count
    ]
    cells = one.faster + one.slower + one.undecided
    return (
        f"{one.label}: {_times(one.token_speedup)} in tokens, {time}; of {cells} cells, "
        f"{', '.join(counts)}."
    )


def _times(estimate: Estimate) -> str:
    """A factor and its interval as a person says it."""
    assert estimate.value is not None
    if estimate.low is None and estimate.high is None:
        return f"{estimate.value:.2f}x (no interval)"
    if estimate.high is None:
        return f"{estimate.value:.2f}x (at least {estimate.low:.2f})"
    if estimate.low is None:
        return f"{estimate.value:.2f}x (at most {estimate.high:.2f})"
    return f"{estimate.value:.2f}x ({estimate.low:.2f} to {estimate.high:.2f})"
