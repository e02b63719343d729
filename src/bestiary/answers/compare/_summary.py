"""A comparison of two studies in words, and by optimizer over all cells."""

import math
from collections.abc import Iterable, Sequence

from scipy.special import ndtri

from bestiary.answers.compare._bias import bias
from bestiary.answers.compare._change import (
    Fact,
    LossChange,
    OptimizerChange,
    WinnerChange,
    change_of,
    side,
)
from bestiary.measures import Measures
from bestiary.specs import TIMES, Estimate

# A cell's change is called beyond noise with this chance where nothing changed.
ALPHA = 0.05


def by_optimizer(
    cells: Sequence[LossChange], first: Measures, second: Measures
) -> Iterable[OptimizerChange]:
    """The mean change of every optimizer over its cells."""
    for name in dict.fromkeys(cell.optimizer for cell in cells):
        own = [cell for cell in cells if cell.optimizer == name]
        loss = _mean_change([cell.change for cell in own])
        baseline = all(cell.baseline for cell in own)
        speedup = own[0].speedup_ratio if baseline else _factor(bias(first, second, own))
        yield OptimizerChange(
            optimizer=name,
            cells=len(own),
            change=loss,
            losses="not known" if own[0].losses == "not known" else side(loss, 0.0),
            speedup_ratio=speedup,
            speedups="within noise" if baseline else side(speedup, 1.0),
        )


def _mean_change(changes: Sequence[Estimate]) -> Estimate:
    """Of independent losses, whose errors add in squares."""
    value = sum(one.value or 0.0 for one in changes) / len(changes)
    halves = [((one.high or 0.0) - (one.low or 0.0)) / 2 for one in changes]
    return change_of(value, math.hypot(*halves) / len(changes))


def _factor(log: Estimate) -> Estimate:
    ends = (None if end is None else math.exp(end) for end in (log.value, log.low, log.high))
    value, low, high = ends
    return Estimate(value=value, low=low, high=high, note=log.note)


def answer(
    cells: Sequence[LossChange],
    optimizers: Sequence[OptimizerChange],
    winners: Sequence[WinnerChange],
    facts: Sequence[Fact],
    incomparable: str,
    apart: Estimate,
) -> Iterable[str]:
    """What changed, the whole before the parts."""
    if not facts and all(cell.change.value == 0 for cell in cells):
        yield "Nothing differs: the same design and the same losses."
        return
    if facts:
        yield f"The studies differ in {_few([fact.name for fact in facts])}."
    if incomparable:
        yield f"Losses do not compare, only speedups and rankings do: {incomparable}."
    else:
        yield from _losses(cells, optimizers)
    moved = [one for one in optimizers if one.speedups == "beyond noise"]
    told = ", ".join(
        f"{one.optimizer} by {one.speedup_ratio.value:.2f}{TIMES}"
        for one in moved
        if one.speedup_ratio
    )
    yield f"Speedups, over all cells, changed beyond noise for: {told or 'none'}."
    if apart.value is not None:
        yield (
            "ln(speedup) of the second less that of the first, over all optimizers and cells: "
            f"{apart.text('+.3f')}."
        )
    single = [cell for cell in cells if cell.speedups == "beyond noise"]
    if single:
        still = sum(cell.change.value == 0 for cell in single)
        moved_under = f", {still} of them because the baseline moved" if still else ""
        yield (
            f"{len(single)} single speedups changed beyond noise{moved_under}: "
            f"{_few([_place(cell) for cell in single])}."
        )
    yield _winner_changes(winners)
    retuned = sum(bool(cell.settings) for cell in cells)
    yield f"Tuned hyperparameters differ in {retuned} of {len(cells)}."


def _losses(cells: Sequence[LossChange], optimizers: Sequence[OptimizerChange]) -> Iterable[str]:
    apart = [cell for cell in cells if cell.change.value != 0]
    if len(apart) < len(cells):
        yield f"{len(cells) - len(apart)} of {len(cells)} losses are identical."
    changed = [cell for cell in apart if cell.losses == "beyond noise"]
    kept = sum(_beyond(cell.change, len(apart)) for cell in changed)
    named = f": {_few([_place(cell) for cell in changed])}" if changed else ""
    yield (
        f"{len(changed)} of {'the other ' if len(apart) < len(cells) else ''}{len(apart)} losses "
        f"changed beyond noise (chance gives {ALPHA * len(apart):.1f}; {kept} stay after "
        f"correction for {len(apart)} comparisons){named}."
    )
    means = ", ".join(
        f"{one.optimizer} by {one.change.value:+.4f}"
        for one in optimizers
        if one.losses == "beyond noise"
    )
    yield f"Mean losses, over all cells, changed beyond noise for: {means or 'none'}."


def _beyond(change: Estimate, comparisons: int) -> bool:
    """Whether a change is beyond noise where that is asked so many times (Bonferroni)."""
    assert change.value is not None
    assert change.high is not None
    wider = float(ndtri(1 - ALPHA / 2 / comparisons) / ndtri(1 - ALPHA / 2))
    return abs(change.value) > wider * (change.high - change.value)


def _winner_changes(winners: Sequence[WinnerChange]) -> str:
    moved = [one for one in winners if one.first != one.second]
    sure = [one for one in moved if one.change == "beyond noise"]
    told = [
        f"{one.size} {one.ratio:g}x {one.first} -> {one.second} ({one.change})" for one in moved
    ]
    return (
        f"The winner changed in {len(moved)} of {len(winners)} cells, beyond noise in {len(sure)}"
        + (f": {_few(told)}." if told else ".")
    )


def _place(cell: LossChange) -> str:
    return f"{cell.optimizer} {cell.size} {cell.ratio:g}x"


def _few(told: Sequence[str], most: int = 6) -> str:
    more = f" and {len(told) - most} more" if len(told) > most else ""
    return ", ".join(told[:most]) + more
