"""What changed between two studies, and whether it is more than noise."""

import math
from collections.abc import Iterable

from msgspec.structs import replace

from bestiary.analysis._record import Estimate
from bestiary.analysis.answers._change import (
    Fact,
    LossChange,
    OptimizerChange,
    WinnerChange,
    change_of,
    side,
)
from bestiary.analysis.answers._compare_summary import ALPHA, answer, by_optimizer
from bestiary.analysis.answers._findings import Finding, Findings
from bestiary.errors import UserError
from bestiary.specs import Spec

Z = 1.959964
# In these the two studies differ by being two; they are no finding.
_ALWAYS = ("command", "runs finished")


class Comparison(Spec, frozen=True, kw_only=True):
    """What changed between two studies.

    Attributes:
        answer: In sentences.
        facts: What differs in design, data, environment and scope.
        incomparable: Why losses do not compare; empty where they do.
        optimizers: Every optimizer over the cells that both have.
        cells: Every optimizer and cell that both have.
        winners: Cells where both have two optimizers or more.
        only_first: Optimizers at cells that only the first has, and the same of the second.
        by_chance: Cells whose loss would change beyond noise by chance alone, among those whose
            losses are not identical.
    """

    first: str
    second: str
    answer: tuple[str, ...]
    facts: tuple[Fact, ...]
    incomparable: str
    optimizers: tuple[OptimizerChange, ...]
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
    facts = tuple(_facts(first, second))
    incomparable = _incomparable(facts)
    cells = tuple(_change(firsts[key], seconds[key], first, second) for key in shared)
    if incomparable:
        cells = tuple(replace(cell, losses="not known") for cell in cells)
    winners = tuple(_winners(cells, second))
    optimizers = tuple(by_optimizer(cells))
    only_first = tuple(_named(firsts[key]) for key in firsts if key not in seconds)
    only_second = tuple(_named(seconds[key]) for key in seconds if key not in firsts)
    return Comparison(
        first=f"{first.name} ({first.kind})",
        second=f"{second.name} ({second.kind})",
        answer=tuple(answer(cells, optimizers, winners, facts, incomparable)),
        facts=facts,
        incomparable=incomparable,
        optimizers=optimizers,
        cells=cells,
        winners=winners,
        only_first=only_first,
        only_second=only_second,
        by_chance=ALPHA * sum(cell.change.value != 0 for cell in cells),
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
    change = change_of(value, Z * spread)
    baseline = one.optimizer == first.baseline == second.baseline
    ratio = _speedup_ratio(one.speedup, other.speedup)
    return LossChange(
        optimizer=one.optimizer,
        size=one.size,
        ratio=one.ratio,
        first=one.loss,
        second=other.loss,
        change=change,
        losses=side(change, 0.0),
        speedup_ratio=ratio,
        speedups="within noise" if baseline else side(ratio, 1.0),
        settings=tuple(_settings(one, other)),
        baseline=baseline,
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


def _settings(one: Finding, other: Finding) -> Iterable[str]:
    """What both state, and state differently; a source need not state every setting."""
    for name, first in one.settings.items():
        second = other.settings.get(name)
        if second is not None and first != second:
            yield f"{name} {_shown(first)} -> {_shown(second)}"


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


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


def _incomparable(facts: tuple[Fact, ...]) -> str:
    """Nats per token are those of one text and one tokenizer."""
    for fact in facts:
        if fact.name == "data" and fact.first and fact.second:
            return f"the first is on {fact.first}, the second on {fact.second}"
        if fact.name == "kind":
            return "nothing says that both are of the same text and tokenizer"
        if fact.name.endswith("vocabulary"):
            return f"{fact.name} is {fact.first} in the first and {fact.second} in the second"
    return ""


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
        **study.facts,
    }
