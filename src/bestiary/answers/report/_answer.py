"""The answer in sentences, the most important first."""

import math
from collections.abc import Sequence

from bestiary.answers.report._record import Row
from bestiary.measures import (
    Draws,
    Measures,
    Summary,
    average_difference,
    beyond_chance,
    factor,
    mean_log_speedup,
)
from bestiary.specs import TIMES


def answer(
    measures: Measures, rows: Sequence[Row], summaries: Sequence[Summary]
) -> tuple[str, ...]:
    """The sentences that open a report.

    Args:
        measures: With the draws, for comparing two optimizers draw by draw.
        rows: Every optimizer at every cell.
        summaries: Every optimizer over all cells.
    """
    evidence, draws = measures.evidence, measures.draws
    baseline = evidence.contenders[evidence.baseline].label
    unfinished = evidence.planned - evidence.finished
    ranked = sorted(
        (one for one in summaries if one.token_speedup.value is not None),
        key=lambda one: -(one.token_speedup.value or 0.0),
    )
    if not ranked:
        return (_nothing(rows, summaries, baseline), *_unfinished(unfinished))
    sure = beyond_chance(draws, ranked[0].optimizer, len(summaries))
    headline = _headline(ranked[0], baseline, sure, len(summaries)) + _doubt(draws, baseline)
    sentences = [headline, *_unfinished(unfinished)]
    if len(ranked) > 1:
        sentences.append(_runner_up(draws, ranked[0], ranked[1]))
    sentences += _on_the_clock(draws, ranked, baseline)
    sentences += _with_size(draws, ranked[0])
    sentences += [_one(summary, rows, baseline) for summary in ranked]
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


def _headline(best: Summary, baseline: str, sure: bool, among: int) -> str:
    """Who wins, by how much, and how sure that is."""
    speedup = best.token_speedup
    if not sure:
        unbounded = "" if speedup.bounded else ", with no bound on either side"
        if speedup.side(1.0) > 0:
            unbounded = f", which the best of {among} equal ones may reach by chance"
        return (
            f"No optimizer needs fewer tokens than {baseline} beyond doubt: the best, "
            f"{best.label}, has a token speedup of {speedup.times()}{unbounded}."
        )
    return (
        f"{best.label} needs the fewest tokens: {baseline} needs {speedup.times()} as many for the "
        "same loss, on average over all cells (in brackets the 95% interval)."
    )


def _runner_up(draws: Draws, best: Summary, second: Summary) -> str:
    """Whether the two best differ."""
    first = mean_log_speedup(draws, best.optimizer)
    other = mean_log_speedup(draws, second.optimizer)
    assert first is not None
    assert other is not None
    drawn = first[0] - other[0]
    ratio = factor(drawn.value, drawn.draws)
    if ratio.side(1.0) > 0:
        return f"That is {ratio.times()} the speedup of {second.label}, the next."
    if not ratio.bounded:
        return _runner_up_by_loss(draws, best, second)
    return (
        f"{best.label} and {second.label} are not distinguishable: their speedups have a ratio "
        f"of {ratio.times()}."
    )


def _runner_up_by_loss(draws: Draws, best: Summary, second: Summary) -> str:
    """The same where both read the baseline's curve so far beyond its data that none has a bound.

    Losses at equal tokens need no curve; verdicts of single cells fall back on them as well.
    """
    own, others = (draws.evidence.of(one.optimizer) for one in (best, second))
    gap = average_difference(draws, [(others[cell], own[cell]) for cell in own if cell in others])
    told = gap.text(".3f", " nats")
    if gap.side(0.0) > 0:
        return f"At equal tokens its loss is {told} below that of {second.label}, the next."
    return (
        f"{best.label} and {second.label} are not distinguishable: at equal tokens their losses "
        f"differ by {told}."
    )


def _on_the_clock(draws: Draws, ranked: Sequence[Summary], baseline: str) -> list[str]:
    """Who wins in time, where that was measured, with the same reserve for the best of many."""
    timed = [one for one in ranked if one.time_speedup.value is not None]
    if not timed:
        return []
    best = max(timed, key=lambda one: one.time_speedup.value or 0.0)
    if not beyond_chance(draws, best.optimizer, len(timed), time=True):
        above = best.time_speedup.side(1.0) > 0
        chance = f", which the best of {len(timed)} equal ones may reach by chance" * above
        return [
            f"In time on this machine none needs less than {baseline} beyond doubt: the best, "
            f"{best.label}, has a time speedup of {best.time_speedup.times()}{chance}."
        ]
    return [
        f"On this machine {best.label} needs the least time: {baseline} needs "
        f"{best.time_speedup.times()} as much."
    ]


def _with_size(draws: Draws, best: Summary) -> list[str]:
    """Whether the winner's speedup changes from the smallest to the largest size."""
    means = {size: mean_log_speedup(draws, best.optimizer, size) for size in draws.evidence.sizes}
    known = [(size, mean[0]) for size, mean in means.items() if mean is not None]
    if len(known) < 2:
        return []
    (small, first), (large, last) = known[0], known[-1]
    change = factor((last - first).value, (last - first).draws)
    told = (
        f"{best.label}'s token speedup is {math.exp(first.value):.2f}{TIMES} at {small} and "
        f"{math.exp(last.value):.2f}{TIMES} at {large}"
    )
    words = {-1: "it falls with size", 1: "it grows with size"}
    said = words.get(change.side(1.0), "no change with size beyond doubt")
    if {small, large} & set(draws.rejected):
        said = "what that owes to size is not known, as a curve is in doubt"
    return [f"{told}: {said}."]


def _doubt(draws: Draws, baseline: str) -> str:
    """What stands beside the first number, where it rests on a curve that its losses reject."""
    rejected = draws.rejected
    if not rejected:
        return ""
    return (
        f" Take what {', '.join(rejected)} add{'s' * (len(rejected) == 1)} to it with doubt: "
        f"{baseline}'s losses there lie beside their curve by more than noise, as where it is "
        "tuned better in some cells than in others, and no interval contains that."
    )


def _one(one: Summary, rows: Sequence[Row], baseline: str) -> str:
    """What one optimizer needs in tokens and, apart from it, in time, with the cells counted."""
    own = [row for row in rows if row.optimizer == one.optimizer]
    cells = f"of {len(own)} cell{'s' * (len(own) != 1)}"
    tokens = _counted(
        (f"fewer than {baseline} in", one.faster),
        ("more in", one.slower),
        ("not distinguishable or undetermined in", one.undecided),
    )
    told = f"{one.label} in tokens: {one.token_speedup.times()}; {cells} {tokens}."
    if one.time_speedup.value is None:
        return f"{told} No time was measured."
    sides = [row.time_speedup.side(1.0) for row in own]
    time = _counted(
        (f"less than {baseline} in", sides.count(1)),
        ("more in", sides.count(-1)),
        ("undecided in", sides.count(0)),
    )
    return f"{told} In time on this machine: {one.time_speedup.times()}; {time}."


def _counted(*counts: tuple[str, int]) -> str:
    """What occurs, with how often: `fewer in 3, more in 1`."""
    return ", ".join(f"{word} {count}" for word, count in counts if count)
