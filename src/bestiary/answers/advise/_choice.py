"""What to run: the choice among the options, and the sentences that say it.

A trend carried on from small models is no ground for a choice while other optimizers were measured
closer to the target. So the choice is made among those that were run at the largest size of all, or
at the target's; the others are named as extrapolated only.
"""

from collections.abc import Iterable

import numpy as np

from bestiary.answers.advise._option import Option
from bestiary.measures import JointModel
from bestiary.specs import TIMES, Spec


class Choice(Spec, frozen=True, kw_only=True):
    """What to run.

    Attributes:
        optimizer: The one with the best predicted time speedup (token speedup where no step time
            is known) among the nearest; the baseline where none is predicted to be better.
        nearest: Those that were run at the largest size of all, or at the target's.
        tied: Those of the nearest whose order with the chosen one the law leaves open, at 95%.
    """

    optimizer: str
    nearest: tuple[str, ...]
    tied: tuple[str, ...]


def choose(model: JointModel, options: list[Option], parameters: float, tokens: float) -> Choice:
    """The choice for N and D.

    Args:
        model: The law behind the options.
        options: All of them.
        parameters: N of the target.
        tokens: D of the target.
    """
    closest = max(1.0, min(one.beyond for one in options)) if options else 1.0
    near = [one for one in options if one.beyond <= 1.01 * closest]
    best = max(near, key=_gain, default=None)
    name = best.optimizer if best and _gain(best) > 1 else model.evidence.baseline
    tied = [
        one.optimizer
        for one in near
        if one.optimizer != name and _open(model, (name, one.optimizer), parameters, tokens)
    ]
    return Choice(optimizer=name, nearest=tuple(one.optimizer for one in near), tied=tuple(tied))


def _gain(one: Option) -> float:
    """The time speedup, which is what is paid for; the token speedup where it is not known."""
    known = one.time_speedup if one.time_speedup.value is not None else one.speedup
    return known.value or 0.0


def _open(model: JointModel, names: tuple[str, str], parameters: float, tokens: float) -> bool:
    """Whether the central 95% of the draws order two optimizers both ways."""
    laws = model.fit.laws
    assert laws is not None
    first, second = (laws.log_speedup(name, parameters, tokens) for name in names)
    low, high = np.quantile(first - second, (0.025, 0.975))
    return bool(low <= 0 <= high)


def answer(
    choice: Choice, options: list[Option], labels: dict[str, str], baseline: str
) -> Iterable[str]:
    """The choice in sentences: what to run, what it gains, how sure, what is extrapolated.

    Args:
        choice: The choice.
        options: All of them.
        labels: Name -> name in sentences.
        baseline: The optimizer that gains are over.
    """
    by_name = {one.optimizer: one for one in options}
    yield _headline(choice, by_name, labels, baseline)
    yield from _verdicts(options, labels[baseline])
    trends = [_trend(by_name[name]) for name in choice.nearest]
    if told := "; ".join(one for one in trends if one):
        yield f"Measured so far: {told}."
    far = [one for one in options if one.optimizer not in choice.nearest]
    if far:
        told = ", ".join(f"{one.label} (up to {one.largest})" for one in far)
        yield f"Extrapolated further, from smaller models alone, so no candidates: {told}."


def _headline(
    choice: Choice, by_name: dict[str, Option], labels: dict[str, str], baseline: str
) -> str:
    tied = [f"{labels[name]} {_gains(by_name[name])}" for name in choice.tied]
    open_order = f"; not told apart from it in tokens: {', '.join(tied)}" if tied else ""
    if choice.optimizer == baseline:
        return (
            f"Run {labels[baseline]}: nothing measured near the target is predicted to beat it"
            f"{open_order}."
        )
    one = by_name[choice.optimizer]
    sure = one.worth_tokens == "yes" or one.worth_time == "yes"
    start = "Run" if sure else "Best bet, not settled:"
    if all(each.far for each in by_name.values()):
        start = "Nothing here was measured near the target; the law alone says"
    why = f" ({one.open_because})" if one.open_because else ""
    return f"{start} {one.label}, predicted {_gains(one)} over {labels[baseline]}{why}{open_order}."


def _gains(one: Option) -> str:
    if one.time_speedup.value is None:
        return f"{one.speedup.times()} in tokens"
    return f"{one.speedup.times()} in tokens and {one.time_speedup.times()} in time"


def _verdicts(options: list[Option], baseline: str) -> Iterable[str]:
    for what, worth in (("tokens", "worth_tokens"), ("time", "worth_time")):
        sure = [one.label for one in options if getattr(one, worth) == "yes"]
        told = ", ".join(sure) if sure else "none"
        yield f"Faster than {baseline} in {what} beyond doubt: {told}."
    losing = [one.label for one in options if one.worth_tokens == "no"]
    if losing:
        yield f"Not worth it: {', '.join(losing)}."


def _trend(one: Option) -> str:
    """`Muon 1.32x at 130m to 1.13x at 1.2b (4x)`."""
    if not one.measured:
        return ""
    first, last = one.measured[0], one.measured[-1]
    end = f"{last.speedup.value:.2f}{TIMES} at {last.size}"
    start = f"{first.speedup.value:.2f}{TIMES} at {first.size} to " if first is not last else ""
    return f"{one.label} {start}{end}"
