"""What changed between two studies, and whether it is more than noise."""

import math
from collections.abc import Iterable

from msgspec.structs import replace

from bestiary.answers.compare._bias import bias
from bestiary.answers.compare._change import (
    Fact,
    LossChange,
    OptimizerChange,
    WinnerChange,
    change_of,
    side,
)
from bestiary.answers.compare._summary import ALPHA, answer, by_optimizer
from bestiary.errors import UserError
from bestiary.evidence import Evidence, Observation
from bestiary.measures import Measures, deviation_of_difference
from bestiary.specs import Estimate, Spec

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
        bias: Mean ln(speedup) of the second less that of the first, over all optimizers and cells
            that both have.
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
    bias: Estimate


def compare(first: Evidence, second: Evidence) -> Comparison:
    """Compare two studies cell by cell.

    Args:
        first: One study.
        second: The other, for instance the later one.

    Raises:
        UserError: they share no optimizer at any cell.
    """
    firsts, seconds = ({one.key: one for one in study.found} for study in (first, second))
    shared = [key for key in firsts if key in seconds]
    if not shared:
        raise UserError(
            f"{first.name} and {second.name} share no optimizer at any size and ratio; "
            "compare studies with a cell in common"
        )
    facts = tuple(_facts(first, second))
    incomparable = _incomparable(facts)
    both = Measures(first), Measures(second)
    cells = tuple(_change(firsts[key], seconds[key], *both) for key in shared)
    if incomparable:
        cells = tuple(replace(cell, losses="not known") for cell in cells)
    winners = tuple(_winners(cells, second))
    optimizers = tuple(by_optimizer(cells, *both))
    apart = bias(*both, cells)
    only_first = tuple(_named(firsts[key]) for key in firsts if key not in seconds)
    only_second = tuple(_named(seconds[key]) for key in seconds if key not in firsts)
    return Comparison(
        first=first.source,
        second=second.source,
        answer=tuple(answer(cells, optimizers, winners, facts, incomparable, apart)),
        facts=facts,
        incomparable=incomparable,
        optimizers=optimizers,
        cells=cells,
        winners=winners,
        only_first=only_first,
        only_second=only_second,
        by_chance=ALPHA * sum(cell.change.value != 0 for cell in cells),
        bias=apart,
    )


def _named(one: Observation) -> str:
    return f"{one.optimizer} {one.place}"


def _change(one: Observation, other: Observation, first: Measures, second: Measures) -> LossChange:
    value = other.loss - one.loss
    change = change_of(value, math.hypot(_half_width(one, first), _half_width(other, second)))
    names = (first.evidence.baseline, second.evidence.baseline)
    baseline = names == (one.optimizer, one.optimizer)
    ratio = ratio_of(first.of(one).speedup, second.of(other).speedup)
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


def _half_width(one: Observation, study: Measures) -> float:
    """Half the interval of a mean loss."""
    noise = study.evidence.noise[one.size]
    return noise.half_width(noise.total / math.sqrt(len(one.done)))


def ratio_of(one: Estimate, other: Estimate) -> Estimate:
    """Second over first, errors added in squares of logs on each side.

    Args:
        one: A factor or an amount above 0, of the first study.
        other: The same of the second.
    """
    if one.value is None or other.value is None:
        return Estimate(value=None, low=None, high=None, note="not both studies have a value")
    value = other.value / one.value
    down, up = _spread(other.value, other.low), _spread(other.value, other.high)
    one_down, one_up = _spread(one.value, one.low), _spread(one.value, one.high)
    low = None if down is None or one_up is None else value * math.exp(-math.hypot(down, one_up))
    high = None if up is None or one_down is None else value * math.exp(math.hypot(up, one_down))
    return Estimate(value=value, low=low, high=high)


def _spread(value: float, end: float | None) -> float | None:
    return None if end is None else abs(math.log(end / value))


def _settings(one: Observation, other: Observation) -> Iterable[str]:
    """What both state, and state differently; a source need not state every setting."""
    for name, first in one.settings.items():
        second = other.settings.get(name)
        if second is not None and first != second:
            yield f"{name} {_shown(first)} -> {_shown(second)}"


def _shown(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _winners(cells: Iterable[LossChange], second: Evidence) -> Iterable[WinnerChange]:
    by_cell: dict[tuple[str, float], list[LossChange]] = {}
    for cell in cells:
        by_cell.setdefault((cell.size, cell.ratio), []).append(cell)
    found = {one.key: one for one in second.found}
    for (size, ratio), here in by_cell.items():
        if len(here) < 2:
            continue
        before = min(here, key=lambda cell: cell.first)
        after = min(here, key=lambda cell: cell.second)
        ends = [found[cell.optimizer, size, ratio] for cell in (before, after)]
        noise = second.noise[size]
        half = noise.half_width(deviation_of_difference(ends[0], ends[1], noise))
        behind = before.second - after.second > half
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


def _facts(first: Evidence, second: Evidence) -> Iterable[Fact]:
    """What differs in what the studies are."""
    one, other = (_about(study) for study in (first, second))
    for name in dict.fromkeys((*one, *other)):
        before, after = one.get(name, ""), other.get(name, "")
        if before != after and name not in _ALWAYS:
            yield Fact(name=name, first=before, second=after)


def _about(study: Evidence) -> dict[str, str]:
    ratios = sorted({one.ratio for one in study.found})
    return {
        "kind": study.kind,
        "baseline": study.baseline,
        "optimizers": ", ".join(sorted(study.optimizers)),
        "sizes": ", ".join(study.sizes),
        "ratios": ", ".join(f"{ratio:g}" for ratio in ratios),
        **study.facts,
    }
