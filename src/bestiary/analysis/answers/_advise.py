"""Which optimizers are worth it for a training that nobody has run yet, and how sure that is."""

import math
from collections.abc import Iterable
from typing import Literal

import numpy as np

from bestiary.analysis._estimates import exactly
from bestiary.analysis._record import Estimate
from bestiary.analysis.answers._devices import DEVICES, UTILISATION, training_seconds
from bestiary.analysis.answers._experiment import Experiment, best_experiment
from bestiary.analysis.answers._findings import Findings
from bestiary.analysis.answers._overhead import overhead, time_speedup
from bestiary.analysis.answers._prediction import FormCheck, Model
from bestiary.analysis.answers._recipe import Recommendation, recommend
from bestiary.errors import UserError
from bestiary.laws import Array
from bestiary.specs import Spec

Worth = Literal["yes", "no", "not settled", "not known"]


class Machine(Spec, frozen=True, kw_only=True):
    """The machine of the target, and how long the baseline would take on it.

    Attributes:
        seconds: Of the baseline's training by 6 N D at the stated share of the peak.
    """

    device: str
    count: int
    peak_flops: float
    peak_source: str
    utilisation: float
    seconds: float


class Option(Spec, frozen=True, kw_only=True):
    """One optimizer for the target.

    Attributes:
        loss_difference: Its loss less the baseline's at the same tokens, predicted.
        speedup: Tokens the baseline needs for its loss, over its own.
        other_speedup: The same by the form of the law that is not believed.
        step_time: Seconds per token over the baseline's; the note says where that is from.
        time_speedup: Speedup over step time.
        break_even: The step time above which it does not pay; None without a speedup.
        tokens: Tokens with which it reaches the loss that the baseline reaches with all.
        seconds: The time of that on the target's machine, where one is named.
        worth_tokens: Whether the token speedup is above 1 beyond doubt: by both forms of the law,
            with the chance of one false yes or no among all optimizers kept at 5 %.
        worth_time: Whether the time speedup is, with the step time at its less favourable end.
        settings: What to start from.
        notes: What is extrapolated, and what is weak about its results.
    """

    optimizer: str
    label: str
    loss_difference: Estimate
    speedup: Estimate
    other_speedup: Estimate
    step_time: Estimate
    time_speedup: Estimate
    break_even: float | None
    tokens: float | None
    seconds: float | None
    worth_tokens: Worth
    worth_time: Worth
    settings: tuple[Recommendation, ...]
    notes: tuple[str, ...]


class Advice(Spec, frozen=True, kw_only=True):
    """What to train with.

    Attributes:
        answer: In sentences, the most important first.
        ratio: Tokens over 20 N.
        baseline_loss: Predicted, for the data and tokenizer of the results.
        forms: The laws compared.
        options: Best token speedup first; the baseline is not among them.
        baseline_settings: What to start the baseline from.
        extrapolation: How far the target lies beyond what was measured.
        experiment: The small experiment that would settle the first question best.
    """

    source: str
    answer: tuple[str, ...]
    parameters: float
    tokens: float
    ratio: float
    baseline: str
    baseline_loss: Estimate
    machine: Machine | None
    forms: tuple[FormCheck, ...]
    options: tuple[Option, ...]
    baseline_settings: tuple[Recommendation, ...]
    extrapolation: tuple[str, ...]
    experiment: Experiment | None


def advise(
    findings: Findings,
    parameters: float,
    tokens: float,
    *,
    device: str = "",
    count: int = 1,
    utilisation: float = UTILISATION,
) -> Advice:
    """Advise on a training of N parameters and D tokens.

    Args:
        findings: Where the prediction comes from.
        parameters: N, non-embedding.
        tokens: D.
        device: A name of `DEVICES`; nothing is said of hours without one.
        count: How many of it.
        utilisation: Share of their peak rate that the training meets.

    Raises:
        UserError: numbers that are not positive, an unknown device, or results too few for a law.
    """
    findings.require()
    for name, value in (("parameters", parameters), ("tokens", tokens)):
        if not (value > 0 and math.isfinite(value)):
            raise UserError(f"{name} must be a positive number, got {value:g}")
    machine = _machine(parameters, tokens, device, count, utilisation) if device else None
    model = Model(findings)
    others = [name for name in findings.optimizers if name != findings.baseline]
    options = [_option(model, name, parameters, tokens, machine) for name in others]
    options.sort(key=lambda one: -(one.speedup.value or 0.0))
    experiment = best_experiment(model, _pair(options, findings.baseline), parameters, tokens)
    return Advice(
        source=f"{findings.name} ({findings.kind})",
        answer=tuple(_answer(options, findings)),
        parameters=parameters,
        tokens=tokens,
        ratio=tokens / (20 * parameters),
        baseline=findings.baseline,
        baseline_loss=model.baseline_loss(parameters, tokens),
        machine=machine,
        forms=model.checks,
        options=tuple(options),
        baseline_settings=recommend(findings, findings.baseline, parameters, tokens),
        extrapolation=tuple(_extrapolation(findings, parameters, tokens)),
        experiment=experiment,
    )


def _machine(
    parameters: float, tokens: float, device: str, count: int, utilisation: float
) -> Machine:
    seconds = training_seconds(
        parameters, tokens, device=device, count=count, utilisation=utilisation
    )
    found = DEVICES[device.lower()]
    return Machine(
        device=device.lower(),
        count=count,
        peak_flops=found.flops,
        peak_source=found.source,
        utilisation=utilisation,
        seconds=seconds,
    )


def _option(
    model: Model, name: str, parameters: float, tokens: float, machine: Machine | None
) -> Option:
    findings, at = model.findings, (parameters, tokens)
    prediction, other = model.predict(name, *at), model.other(name, *at)
    step = overhead(findings, name, findings.baseline)
    time = time_speedup(prediction.speedup, step)
    value = prediction.speedup.value
    judged = (prediction.log_speedup, other.log_speedup)
    among = len(findings.optimizers) - 1
    return Option(
        optimizer=name,
        label=findings.labels[name],
        loss_difference=prediction.difference,
        speedup=prediction.speedup,
        other_speedup=other.speedup,
        step_time=step,
        time_speedup=time,
        break_even=value,
        tokens=None if value is None else tokens / value,
        seconds=None if machine is None or time.value is None else machine.seconds / time.value,
        worth_tokens=_worth(judged, exactly(1.0, ""), among),
        worth_time=_worth(judged, step, among),
        settings=recommend(findings, name, parameters, tokens),
        notes=tuple(_notes(findings, name, parameters)),
    )


def _worth(forms: Iterable[Array], step: Estimate, among: int) -> Worth:
    """Whether draws of log speedups lie on one side of the step time, by every form."""
    if step.low is None or step.high is None:
        return "not known"
    tail = 0.025 / among
    draws = list(forms)
    if all(np.mean(log_K <= math.log(step.high)) <= tail for log_K in draws):
        return "yes"
    below = all(np.mean(log_K >= math.log(step.low)) <= tail for log_K in draws)
    return "no" if below else "not settled"


def _pair(options: list[Option], baseline: str) -> tuple[str, str]:
    """The two whose order matters most: the best against the next, or against the baseline."""
    if not options or options[0].worth_tokens != "yes" or len(options) == 1:
        return (options[0].optimizer if options else baseline, baseline)
    return options[0].optimizer, options[1].optimizer


def _notes(findings: Findings, name: str, parameters: float) -> Iterable[str]:
    own = list(findings.of(name).values())
    largest = max(own, key=lambda one: one.parameters)
    if parameters > 1.01 * largest.parameters:
        yield f"measured up to {largest.size}: {parameters / largest.parameters:.3g} times below"
    if len({one.parameters for one in own}) == 1:
        yield "measured at one size only: its change with size is a guess"
    edges = [one for one in own if "learning_rate" in one.effort.unbracketed]
    if edges:
        yield f"learning rate on the edge of what was tried in {len(edges)} of {len(own)} cells"


def _extrapolation(findings: Findings, parameters: float, tokens: float) -> Iterable[str]:
    sizes = list(findings.sizes.values())
    ratios = sorted({one.ratio for one in findings.found})
    ratio = tokens / (20 * parameters)
    if parameters > max(sizes):
        yield f"N is {parameters / max(sizes):.3g} times the largest size measured"
    if parameters < min(sizes):
        yield f"N is {min(sizes) / parameters:.3g} times below the smallest size measured"
    if not ratios[0] <= ratio <= ratios[-1]:
        yield f"the ratio {ratio:.3g}x lies outside the measured {ratios[0]:g}x to {ratios[-1]:g}x"
    yield (
        "other data, tokenizers, architectures and batch sizes than those of the results are not "
        "in any interval"
    )


def _answer(options: list[Option], findings: Findings) -> Iterable[str]:
    label = findings.labels[findings.baseline]
    sure = [one for one in options if one.worth_tokens == "yes"]
    timed = [one for one in options if one.worth_time == "yes"]
    if sure:
        told = ", ".join(f"{one.label} {_times(one.speedup)}" for one in sure)
        yield f"Worth it in tokens beyond doubt: {told}."
    elif options:
        best = options[0]
        yield (
            f"No optimizer is predicted to need fewer tokens than {label} beyond doubt; the best "
            f"guess is {best.label}, {_times(best.speedup)}."
        )
    if timed:
        told = ", ".join(f"{one.label} {_times(one.time_speedup)}" for one in timed)
        yield f"Worth it in time beyond doubt: {told}."
    else:
        yield f"None is predicted to be faster than {label} in time beyond doubt."
    losing = [one.label for one in options if one.worth_tokens == "no"]
    if losing:
        yield f"Not worth it: {', '.join(losing)}."


def _times(estimate: Estimate) -> str:
    low = "..." if estimate.low is None else f"{estimate.low:.2f}"
    high = "..." if estimate.high is None else f"{estimate.high:.2f}"
    return f"{estimate.value:.2f}x [{low}, {high}]"
