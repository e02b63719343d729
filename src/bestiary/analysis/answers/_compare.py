"""What changed between two studies, and whether it is more than noise."""

import math
from collections.abc import Iterable
from typing import Literal

from scipy.stats import norm

from bestiary.analysis._record import Estimate
from bestiary.analysis.answers._findings import Finding, Findings
from bestiary.errors import UserError
from bestiary.specs import Spec

Z = float(norm.ppf(0.975))
Change = Literal["beyond noise", "within noise", "not known"]
# In these the two studies differ by being two; they are no finding.
_ALWAYS = ("command", "runs finished")


class Fact(Spec, frozen=True, kw_only=True):
    """Something about the studies themselves that differs; empty where a study does not have it."""

    name: str
    first: str
    second: str


class LossChange(Spec, frozen=True, kw_only=True):
    """One optimizer at one cell in both studies.

    Attributes:
        change: Second loss minus first, with its interval from the noise of both.
        losses: Whether the loss changed.
        speedup_ratio: Second speedup over first; its interval takes the two as independent.
        speedups: Whether the speedup changed.
        settings: Hyperparameters that differ, as `name first -> second`.
    """

    optimizer: str
    size: str
    ratio: float
    first: float
    second: float
    change: Estimate
    losses: Change
    speedup_ratio: Estimate
    speedups: Change
    settings: tuple[str, ...]


class WinnerChange(Spec, frozen=True, kw_only=True):
    """The lowest loss of a cell in both studies, among the optimizers that both have there.

    Attributes:
        change: Whether the first study's winner is behind in the second by more than noise.
    """

    size: str
    ratio: float
    first: str
    second: str
    change: Change


class Comparison(Spec, frozen=True, kw_only=True):
    """What changed between two studies.

    Attributes:
        answer: In sentences.
        facts: What differs in data, environment and scope.
        cells: Every optimizer and cell that both have.
        winners: Cells where both have two optimizers or more.
        only_first: Optimizers at cells that only the first has, and the same of the second.
        by_chance: Cells whose loss would change beyond noise by chance alone.
    """

    first: str
    second: str
    answer: tuple[str, ...]
    facts: tuple[Fact, ...]
    cells: tuple[LossChange, ...]
    winners: tuple[WinnerChange, ...]
    only_first: tuple[str, ...]
    only_second: tuple[str, ...]
    by_chance: float


def compare(first: Findings, second: Findings) -> Comparison:
    """Compare two studies cell by cell.

    Args:
        first: One study.
        second: The other, for instance the later one.

    Raises:
        UserError: they share no optimizer at any cell.
    """
    firsts, seconds = _by_key(first), _by_key(second)
    shared = [key for key in firsts if key in seconds]
    if not shared:
        raise UserError(
            f"{first.name} and {second.name} share no optimizer at any size and ratio; "
            "compare studies with a cell in common"
        )
    cells = tuple(_change(firsts[key], seconds[key], first, second) for key in shared)
    winners = tuple(_winners(cells, second))
    facts = tuple(_facts(first, second))
    only_first = tuple(_named(firsts[key]) for key in firsts if key not in seconds)
    only_second = tuple(_named(seconds[key]) for key in seconds if key not in firsts)
    return Comparison(
        first=f"{first.name} ({first.kind})",
        second=f"{second.name} ({second.kind})",
        answer=tuple(_answer(cells, winners, facts)),
        facts=facts,
        cells=cells,
        winners=winners,
        only_first=only_first,
        only_second=only_second,
        by_chance=0.05 * len(cells),
    )


Key = tuple[str, str, float]


def _by_key(findings: Findings) -> dict[Key, Finding]:
    return {(one.optimizer, *one.cell): one for one in findings.found}


def _named(one: Finding) -> str:
    return f"{one.optimizer} {one.place}"


def _change(one: Finding, other: Finding, first: Findings, second: Findings) -> LossChange:
    spread = math.hypot(
        first.noise.total / math.sqrt(one.runs), second.noise.total / math.sqrt(other.runs)
    )
    value = other.loss - one.loss
    change = Estimate(value=value, low=value - Z * spread, high=value + Z * spread)
    ratio = _speedup_ratio(one.speedup, other.speedup)
    return LossChange(
        optimizer=one.optimizer,
        size=one.size,
        ratio=one.ratio,
        first=one.loss,
        second=other.loss,
        change=change,
        losses=_side(change, 0.0),
        speedup_ratio=ratio,
        speedups="within noise" if one.optimizer == first.baseline else _side(ratio, 1.0),
        settings=tuple(_settings(one, other)),
    )


def _speedup_ratio(one: Estimate, other: Estimate) -> Estimate:
    """Second over first, errors added in squares of logs on each side."""
    if one.value is None or other.value is None:
        return Estimate(value=None, low=None, high=None, note="not both studies have a speedup")
    value = other.value / one.value
    down, up = _spread(other.value, other.low), _spread(other.value, other.high)
    one_down, one_up = _spread(one.value, one.low), _spread(one.value, one.high)
    low = None if down is None or one_up is None else value * math.exp(-math.hypot(down, one_up))
    high = None if up is None or one_down is None else value * math.exp(math.hypot(up, one_down))
    return Estimate(value=value, low=low, high=high)


def _spread(value: float, end: float | None) -> float | None:
    return None if end is None else abs(math.log(end / value))


def _side(interval: Estimate, neutral: float) -> Change:
    """Whether an interval excludes the value of no change."""
    if interval.value is None or (interval.low is None and interval.high is None):
        return "not known"
    above = interval.low is not None and interval.low > neutral
    below = interval.high is not None and interval.high < neutral
    return "beyond noise" if above or below else "within noise"


def _settings(one: Finding, other: Finding) -> Iterable[str]:
    names = dict.fromkeys((*one.settings, *other.settings))
    for name in names:
        first, second = one.settings.get(name), other.settings.get(name)
        if first != second:
            yield f"{name} {_shown(first)} -> {_shown(second)}"


def _shown(value: object) -> str:
    return "none" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _winners(cells: Iterable[LossChange], second: Findings) -> Iterable[WinnerChange]:
    by_cell: dict[tuple[str, float], list[LossChange]] = {}
    for cell in cells:
        by_cell.setdefault((cell.size, cell.ratio), []).append(cell)
    runs = {key: one.runs for key, one in _by_key(second).items()}
    for (size, ratio), here in by_cell.items():
        if len(here) < 2:
            continue
        before = min(here, key=lambda cell: cell.first)
        after = min(here, key=lambda cell: cell.second)
        ends = [1 / runs[cell.optimizer, size, ratio] for cell in (before, after)]
        spread = second.noise.own * math.sqrt(sum(ends))
        behind = before.second - after.second > Z * spread
        yield WinnerChange(
            size=size,
            ratio=ratio,
            first=before.optimizer,
            second=after.optimizer,
            change="beyond noise" if behind else "within noise",
        )


def _facts(first: Findings, second: Findings) -> Iterable[Fact]:
    """What differs in what the studies are."""
    one, other = (_about(study) for study in (first, second))
    for name in dict.fromkeys((*one, *other)):
        before, after = one.get(name, ""), other.get(name, "")
        if before != after and name not in _ALWAYS:
            yield Fact(name=name, first=before, second=after)


def _about(study: Findings) -> dict[str, str]:
    ratios = sorted({one.ratio for one in study.found})
    return {
        "kind": study.kind,
        "baseline": study.baseline,
        "optimizers": ", ".join(sorted(study.optimizers)),
        "sizes": ", ".join(study.sizes),
        "ratios": ", ".join(f"{ratio:g}" for ratio in ratios),
        "noise": f"{study.noise.total:.2g} ({study.noise.source})",
        **study.facts,
    }


def _answer(
    cells: tuple[LossChange, ...], winners: tuple[WinnerChange, ...], facts: tuple[Fact, ...]
) -> Iterable[str]:
    losses = [cell for cell in cells if cell.losses == "beyond noise"]
    yield (
        f"{len(losses)} of {len(cells)} losses changed beyond noise "
        f"({0.05 * len(cells):.1f} would by chance)" + (f": {_list(losses)}." if losses else ".")
    )
    speedups = [cell for cell in cells if cell.speedups == "beyond noise"]
    yield f"{len(speedups)} speedups changed beyond noise" + (
        f": {_list(speedups)}." if speedups else "."
    )
    moved = [one for one in winners if one.first != one.second]
    sure = [one for one in moved if one.change == "beyond noise"]
    told = "".join(
        f"; {one.size} {one.ratio:g}x {one.first} -> {one.second} ({one.change})"
        for one in moved[:6]
    )
    yield (
        f"The winner changed in {len(moved)} of {len(winners)} cells, beyond noise in "
        f"{len(sure)}{told}."
    )
    retuned = sum(bool(cell.settings) for cell in cells)
    yield f"Tuned hyperparameters differ in {retuned} of {len(cells)}."
    if facts:
        yield f"The studies differ in {', '.join(fact.name for fact in facts)}."


def _list(cells: list[LossChange], most: int = 6) -> str:
    told = ", ".join(f"{cell.optimizer} {cell.size} {cell.ratio:g}x" for cell in cells[:most])
    return told + (f" and {len(cells) - most} more" if len(cells) > most else "")
