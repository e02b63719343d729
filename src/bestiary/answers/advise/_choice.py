"""What to run: the choice among the options, and the sentences that say it.

Where the target itself was measured the choice is made among what was measured there. A trend
carried on from small models is no ground for a choice while other optimizers were measured closer
to the target: elsewhere the choice is made among those that were run at the largest size of all, or
at the target's. The others are named as extrapolated only. Nor is the last digit of a prediction
one: among those whose order with the best the law leaves open, what the last cell measured, at the
largest size and the ratio nearest to the target's, decides.
"""

import math
from collections.abc import Iterable

from bestiary.answers.advise._option import Option, known_speedup
from bestiary.measures import JointModel, Predicted
from bestiary.specs import TIMES, Spec


class Choice(Spec, frozen=True, kw_only=True):
    """What to run.

    Attributes:
        optimizer: The one with the best time speedup (token speedup where no step time is known)
            among the nearest; of those not told apart from it the one that was best at the last
            cell measured; the baseline where none is better.
        nearest: Those that were measured at the target; where none was, those that were run at the
            largest size of all, or at the target's.
        tied: Those of the nearest whose order with the chosen one in tokens is open, at 95%.
        settled_at: The last cell measured, where that and not the prediction chose; else empty.
    """

    optimizer: str
    nearest: tuple[str, ...]
    tied: tuple[str, ...]
    settled_at: str = ""


def choose(model: JointModel, options: list[Option], parameters: float, tokens: float) -> Choice:
    """The choice for N and D.

    Args:
        model: The law behind the options.
        options: All of them.
        parameters: N of the target.
        tokens: D of the target.
    """
    near, at = _nearest(options), (parameters, tokens)
    best = max(near, key=_gain, default=None)
    if best is None or _gain(best) <= 1:
        best = None
    chosen, settled_at = _by_measurement(model, near, best, at)
    tied = [one.optimizer for one in near if one is not chosen and _open(model, (chosen, one), *at)]
    return Choice(
        optimizer=chosen.optimizer if chosen else model.evidence.baseline,
        nearest=tuple(one.optimizer for one in near),
        tied=tuple(tied),
        settled_at=settled_at,
    )


def _by_measurement(
    model: JointModel, near: list[Option], best: Option | None, at: tuple[float, float]
) -> tuple[Option | None, str]:
    """The one to run, None the baseline, and the last cell where that is what decided.

    It chooses among those not told apart from the best, and the baseline where it is not told apart
    from that either and none was measured to beat it.
    """
    if best is None or best.measured_here or not best.measured:
        return best, ""
    last = best.measured[-1]
    rivals = [
        one
        for one in near
        if one.measured
        and one.measured[-1].place == last.place
        and (one is best or _open(model, (best, one), *at))
    ]
    leader = max(rivals, key=_gain_at_last)
    loses = _gain_at_last(leader) < 1 and _open(model, (None, best), *at)
    chosen = None if loses else leader
    return chosen, "" if chosen is best else last.place


def _nearest(options: list[Option]) -> list[Option]:
    """Those measured at the target, or those run closest to it."""
    here = [one for one in options if one.measured_here]
    if here:
        return here
    closest = max(1.0, min(one.beyond for one in options)) if options else 1.0
    return [one for one in options if one.beyond <= 1.01 * closest]


def _gain(one: Option) -> float:
    """The time speedup, which is what is paid for; the token speedup where it is not known."""
    known = one.time_speedup if one.time_speedup.value is not None else one.speedup
    return known.value or 0.0


def _gain_at_last(one: Option) -> float:
    """The same at the last cell measured, by the step time there is."""
    return (one.measured[-1].speedup.value or 0.0 if one.measured else 0.0) / (
        one.step_time.value or 1.0
    )


def _open(
    model: JointModel, pair: tuple[Option | None, Option], parameters: float, tokens: float
) -> bool:
    """Whether the order of two in tokens is open, at 95%; None is the baseline.

    Misfits and noises count as independent, although two optimizers share some of both: that errs
    on the side of open.
    """
    first, second = (_log(model, one, parameters, tokens) for one in pair)
    gap = second.value - first.value
    freedom = min(first.freedom, second.freedom)
    return (
        abs(gap)
        <= Predicted(gap, math.hypot(first.deviation, second.deviation), freedom).half_width()
    )


def _log(model: JointModel, one: Option | None, parameters: float, tokens: float) -> Predicted:
    """The log speedup of an option."""
    if one is None:
        return Predicted(0.0, 0.0, math.inf)
    known = known_speedup(one.speedup) if one.measured_here else None
    return known or model.log_speedup(model.used, one.optimizer, parameters, tokens)


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
    if choice.settled_at:
        yield _settled(choice, by_name, labels[baseline])
    yield from _verdicts(options, labels[baseline])
    trends = [_trend(by_name[name]) for name in choice.nearest]
    if told := "; ".join(one for one in trends if one):
        yield f"Measured so far: {told}."
    far = [one for one in options if one.optimizer not in choice.nearest]
    if far:
        told = ", ".join(f"{one.label} (up to {one.largest})" for one in far)
        here = any(one.measured_here for one in options)
        why = "Not measured there" if here else "Extrapolated further, from smaller models alone"
        yield f"{why}, so no candidates: {told}."


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
        start = "Nothing here was measured near the target; " + (
            "the law leaves the order open, and the last cell measured speaks for"
            if choice.settled_at
            else "the law alone says"
        )
    why = f" ({one.open_because})" if one.open_because else ""
    how = f"measured at {one.measured_here}" if one.measured_here else "predicted"
    return f"{start} {one.label}, {how} {_gains(one)} over {labels[baseline]}{why}{open_order}."


def _settled(choice: Choice, by_name: dict[str, Option], baseline: str) -> str:
    """How the last cell measured chose: `Muon 1.13x, NAdamW 1.04x`."""
    near = [by_name[name] for name in choice.nearest]
    told = ", ".join(
        f"{one.label} {_at_last(one)}"
        for one in sorted(near, key=_gain_at_last, reverse=True)
        if one.measured and one.measured[-1].place == choice.settled_at
    )
    return (
        f"Their order is open, so the last cell measured decides and not the last digit of a "
        f"prediction: {told} over {baseline} at {choice.settled_at}."
    )


def _at_last(one: Option) -> str:
    """Its gain at the last cell measured, in tokens and in time where step times are known."""
    tokens = f"{one.measured[-1].speedup.value:.2f}{TIMES} in tokens"
    timed = one.step_time.value is not None
    return f"{tokens} and {_gain_at_last(one):.2f}{TIMES} in time" if timed else tokens


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
