"""One optimizer for a training that nobody has run: what is predicted, and how far that is sure."""

import math
from collections.abc import Iterable
from typing import Literal

from bestiary.answers.advise._target import Target
from bestiary.evidence import Observation
from bestiary.measures import (
    REACH,
    WIDTH,
    JointModel,
    Measures,
    Predicted,
    Prediction,
    Recommendation,
    recommend,
    time_speedup,
)
from bestiary.specs import Estimate, Spec, exactly

Worth = Literal["yes", "no", "open", "not known"]
# Sizes from which a change with size can be told from a cell that happened to be lucky.
FEWEST_SIZES = 3


class MeasuredSpeedup(Spec, frozen=True, kw_only=True):
    """What was measured at one size, at the ratio nearest to the target's that all sizes have."""

    size: str
    ratio: float
    speedup: Estimate

    @property
    def place(self) -> str:
        """The cell in words: `1.2b 4x`."""
        return f"{self.size} {self.ratio:g}x"


class Option(Spec, frozen=True, kw_only=True):
    """One optimizer for the target.

    Attributes:
        measured: Its token speedup at every size, at the ratio nearest to the target's.
        largest: The largest size at which it was run.
        beyond: N of the target over that of the largest size.
        measured_here: Where it was measured at the target itself, and the numbers below are those;
            empty where the law predicts them.
        loss_difference: Its loss less the baseline's at the same tokens.
        speedup: Tokens the baseline needs for its loss, over its own; also the break-even: the step
            time above which it does not pay.
        by_law: The speedup that each form of the law predicts.
        step_time: Seconds per token over the baseline's; the note says where that is from.
        time_speedup: Speedup over step time.
        tokens: Tokens with which it reaches the loss that the baseline reaches with all.
        seconds: The time of that on the target's machine, where one is named.
        worth_tokens: Whether the token speedup is above 1 beyond doubt: as measured, or by every
            form of the law, with the chance of one false yes or no among all optimizers kept at 5%.
        worth_time: Whether the time speedup is, with the step time at its less favourable end.
        open_because: Why neither can be more than `open`; empty where they can.
        far: Whether the target is further than `REACH` from all that it was run at.
        cells: Cells at which it was run.
        edge_cells: Those whose learning rate lies on the edge of what was tried.
        settings: What to start from.
    """

    optimizer: str
    label: str
    measured: tuple[MeasuredSpeedup, ...]
    largest: str
    beyond: float
    measured_here: str
    loss_difference: Estimate
    speedup: Estimate
    by_law: dict[str, Estimate]
    step_time: Estimate
    time_speedup: Estimate
    tokens: float | None
    seconds: float | None
    worth_tokens: Worth
    worth_time: Worth
    open_because: str
    far: bool
    cells: int
    edge_cells: int
    settings: tuple[Recommendation, ...]


def option(model: JointModel, name: str, target: Target) -> Option:
    """What the joint law says of one optimizer at N and D.

    Args:
        model: The law.
        name: The optimizer.
        target: The training that is asked about.
    """
    parameters, tokens = target.parameters, target.tokens
    baseline_seconds = target.machine.seconds if target.machine else None
    evidence, at = model.evidence, (parameters, tokens)
    own = list(evidence.of(name).values())
    largest = max(own, key=lambda one: one.parameters)
    prediction, here = model.predict(name, *at), _here(model, name, *at)
    difference, speedup, known = _found(model, prediction, here)
    step = target.step(model.measures, name)
    time = time_speedup(speedup, step)
    value = speedup.value
    far = tuple(_distances(own, parameters, tokens))
    because = "; ".join((*_doubts(own, parameters), *far))
    sure = None if because else known
    among = len(evidence.optimizers) - 1
    return Option(
        optimizer=name,
        label=evidence.labels[name],
        measured=tuple(_measured(model.measures, own, tokens / (20 * parameters))),
        largest=largest.size,
        beyond=parameters / largest.parameters,
        measured_here="" if here is None else here.place,
        loss_difference=difference,
        speedup=speedup,
        by_law={form: one.estimate() for form, one in prediction.by_form.items()},
        step_time=step,
        time_speedup=time,
        tokens=None if value is None else tokens / value,
        seconds=None
        if baseline_seconds is None or time.value is None
        else baseline_seconds / time.value,
        worth_tokens=_worth(sure, exactly(1.0, ""), among),
        worth_time=_worth(sure, step, among),
        open_because=because,
        far=bool(far),
        cells=len(own),
        edge_cells=sum("learning_rate" in one.tuning.unbracketed for one in own),
        settings=recommend(evidence, name, parameters, tokens),
    )


def _here(model: JointModel, name: str, parameters: float, tokens: float) -> Observation | None:
    """What was measured at the target itself, with an interval on both sides."""
    one = model.measured_at(name, parameters, tokens)
    return one if one is not None and known_speedup(model.measures.of(one).speedup) else None


def _found(
    model: JointModel, prediction: Prediction, here: Observation | None
) -> tuple[Estimate, Estimate, list[Predicted]]:
    """Loss difference and speedup, and all that a verdict has to agree with."""
    if here is None:
        return prediction.difference, prediction.speedup, list(prediction.by_form.values())
    measured = model.measures.of(here)
    known = known_speedup(measured.speedup)
    assert known is not None
    return measured.difference, measured.speedup, [known]


def known_speedup(speedup: Estimate) -> Predicted | None:
    """A measured speedup by its logarithm; None where it is not known on both sides."""
    if speedup.value is None or speedup.low is None or speedup.high is None:
        return None
    value, low, high = (math.log(one) for one in (speedup.value, speedup.low, speedup.high))
    return Predicted(value, (high - low) / WIDTH, math.inf)


def _measured(
    measures: Measures, own: list[Observation], ratio: float
) -> Iterable[MeasuredSpeedup]:
    """The measured speedups by size, all at one ratio, so that only the size differs."""
    ratios = set.intersection(
        *(
            {
                one.ratio
                for one in measures.evidence.of_size(size)
                if one.done and measures.of(one).speedup.value
            }
            for size in measures.evidence.measured_sizes
        )
    )
    if not ratios:
        return
    nearest = min(ratios, key=lambda one: abs(math.log(one / ratio)))
    for one in own:
        speedup = measures.of(one).speedup
        if one.ratio == nearest and speedup.value is not None:
            yield MeasuredSpeedup(size=one.size, ratio=nearest, speedup=speedup)


def _doubts(own: list[Observation], parameters: float) -> Iterable[str]:
    """Why no law settles anything here, whatever its interval."""
    sizes = {one.parameters for one in own}
    diverged = sum(one.count("diverged") for one in own)
    if diverged:
        yield f"{diverged} of its {sum(len(one.runs) for one in own)} runs diverged"
    if parameters > 1.01 * max(sizes) and len(sizes) < FEWEST_SIZES:
        count = "one size" if len(sizes) == 1 else f"{len(sizes)} sizes"
        yield f"run at {count} only, so its change with size is untested"


def _distances(own: list[Observation], parameters: float, tokens: float) -> Iterable[str]:
    """How the target is far from what was run, on either side: no law is trusted there."""
    sizes, ratios = [one.parameters for one in own], [one.ratio for one in own]
    asked = {"size": (parameters, sizes), "ratio": (tokens / (20 * parameters), ratios)}
    for what, (target, run) in asked.items():
        if target > REACH * max(run):
            yield f"the target is more than {REACH:g} times its largest {what}"
        if target < min(run) / REACH:
            yield f"the target is less than 1/{REACH:g} of its smallest {what}"


def _worth(known: list[Predicted] | None, step: Estimate, among: int) -> Worth:
    """Whether log speedups lie on one side of the step time, by all that is known of them."""
    if step.low is None or step.high is None:
        return "not known"
    if known is None:
        return "open"
    level = 1 - 0.05 / among
    if all(one.value - one.half_width(level) > math.log(step.high) for one in known):
        return "yes"
    below = all(one.value + one.half_width(level) < math.log(step.low) for one in known)
    return "no" if below else "open"
