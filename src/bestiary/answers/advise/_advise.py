"""Which optimizers are worth it for a training that nobody has run yet, and how sure that is."""

import math
from collections.abc import Iterable

from msgspec.structs import replace

from bestiary.answers.advise._brief import Brief, brief
from bestiary.answers.advise._choice import Choice, answer, choose
from bestiary.answers.advise._devices import DEVICES, UTILISATION, training_seconds
from bestiary.answers.advise._experiment import Experiment, best_experiment
from bestiary.answers.advise._option import Option, option
from bestiary.answers.advise._start import Start, start_of
from bestiary.answers.advise._step_cost import Cost
from bestiary.answers.advise._target import Machine, Target
from bestiary.errors import UserError
from bestiary.evidence import Evidence, require_results
from bestiary.measures import FormCheck, JointModel, Measures, Recommendation, recommend
from bestiary.specs import Estimate, Spec


class Advice(Spec, frozen=True, kw_only=True):
    """What to train with.

    Attributes:
        answer: In sentences, the most important first.
        brief: The five lines that a training is started from, the most important first.
        choice: What to run.
        start: The start at the target of the optimizer asked about, else of the chosen one.
        cost: Its memory and its step by the cost model; None where its updates were not counted.
        ratio: Tokens over 20 N.
        baseline_loss: Predicted, for the data and tokenizer of the results.
        forms: The laws compared.
        options: Those nearest to the target first, then the best token speedup; the baseline is
            not among them.
        baseline_settings: What to start the baseline from.
        extrapolation: How far the target lies beyond what was measured.
        experiment: The small experiment that would settle the first question best.
    """

    source: str
    answer: tuple[str, ...]
    brief: tuple[Brief, ...]
    choice: Choice
    start: Start
    cost: Cost | None
    parameters: float
    tokens: float
    ratio: float
    baseline: str
    baseline_label: str
    baseline_loss: Estimate
    machine: Machine | None
    forms: tuple[FormCheck, ...]
    options: tuple[Option, ...]
    baseline_settings: tuple[Recommendation, ...]
    extrapolation: tuple[str, ...]
    experiment: Experiment | None


def advise(
    evidence: Evidence,
    parameters: float,
    tokens: float,
    *,
    device: str = "",
    count: int = 1,
    utilisation: float = UTILISATION,
    optimizer: str = "",
) -> Advice:
    """Advise on a training of N parameters and D tokens.

    Args:
        evidence: Where the prediction comes from.
        parameters: N, non-embedding.
        tokens: D.
        device: A name of `DEVICES`; nothing is said of hours without one.
        count: How many of it.
        utilisation: Share of their peak rate that the training meets.
        optimizer: Whose settings stand beside those of the study's form; the choice's where none is
            named. The baseline's always do.

    Raises:
        UserError: numbers that are not positive, an unknown device, or results too few for a law.
    """
    require_results(evidence)
    for name, value in (("parameters", parameters), ("tokens", tokens)):
        if not (value > 0 and math.isfinite(value)):
            raise UserError(f"{name} must be a positive number, got {value:g}")
    if len(evidence.optimizers) < 2:
        raise UserError(
            f"advice is a choice between optimizers, and {evidence.name} has results of "
            f"{evidence.labels[evidence.baseline]} alone; import or run another"
        )
    machine = _machine(parameters, tokens, device, count, utilisation) if device else None
    model = JointModel(Measures(evidence))
    at = (parameters, tokens)
    baseline_settings = recommend(evidence, evidence.baseline, *at, study=True)
    batch = start_of(evidence, evidence.baseline, baseline_settings, tokens).batch_tokens
    target = Target(parameters=parameters, tokens=tokens, batch_tokens=batch, machine=machine)
    options, choice = _options(model, target, optimizer)
    settings = {one.optimizer: one.settings for one in options}
    settings[evidence.baseline] = baseline_settings
    shown = optimizer or choice.optimizer
    start = start_of(evidence, shown, settings[shown], tokens)
    cost = target.cost(shown, start.batch_tokens)
    sentences = (
        *answer(choice, options, evidence.labels, evidence.baseline),
        *_doubts(model.measures),
    )
    return Advice(
        source=evidence.source,
        answer=sentences,
        brief=brief(sentences[0], start, cost),
        choice=choice,
        start=start,
        cost=cost,
        parameters=parameters,
        tokens=tokens,
        ratio=tokens / (20 * parameters),
        baseline=evidence.baseline,
        baseline_label=evidence.labels[evidence.baseline],
        baseline_loss=model.baseline_loss(*at),
        machine=machine,
        forms=model.checks,
        options=tuple(options),
        baseline_settings=baseline_settings,
        extrapolation=tuple(_extrapolation(evidence, *at)),
        experiment=best_experiment(model, _question(choice, options, evidence.baseline), *at),
    )


def _doubts(measures: Measures) -> Iterable[str]:
    """What is wrong with the results themselves, and in no interval."""
    evidence, rejected = measures.evidence, measures.draws.rejected
    if rejected:
        yield (
            f"Take what {', '.join(rejected)} add{'s' * (len(rejected) == 1)} to this with doubt: "
            "the losses of "
            f"{evidence.labels[evidence.baseline]} there lie beside their curve by more than "
            "noise, and no interval contains that."
        )
    if evidence.clock_doubt:
        yield evidence.clock_doubt


def _options(model: JointModel, target: Target, optimizer: str) -> tuple[list[Option], Choice]:
    """Every optimizer but the baseline, and which of them to run."""
    evidence, at = model.evidence, (target.parameters, target.tokens)
    others = [name for name in evidence.optimizers if name != evidence.baseline]
    options = [option(model, name, target) for name in others]
    choice = choose(model, options, *at)
    shown = optimizer or choice.optimizer
    options = [
        replace(one, settings=recommend(evidence, shown, *at, study=True))
        if one.optimizer == shown
        else one
        for one in options
    ]
    options.sort(key=lambda one: (one.optimizer not in choice.nearest, -(one.speedup.value or 0.0)))
    return options, choice


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


def _question(choice: Choice, options: list[Option], baseline: str) -> tuple[str, str] | None:
    """The two whose order matters most.

    They are the choice and the baseline, or, where that is sure, the choice and one tied with it.
    """
    if not options:
        return None
    if choice.optimizer == baseline:
        return options[0].optimizer, baseline
    chosen = next(one for one in options if one.optimizer == choice.optimizer)
    if chosen.worth_tokens == "yes" and choice.tied:
        return choice.optimizer, choice.tied[0]
    return choice.optimizer, baseline


def _extrapolation(evidence: Evidence, parameters: float, tokens: float) -> Iterable[str]:
    sizes = list(evidence.measured_sizes.values())
    ratios = sorted({one.ratio for one in evidence.found})
    ratio = tokens / (20 * parameters)
    if parameters > max(sizes):
        yield f"N is {parameters / max(sizes):.3g} times the largest size measured"
    if parameters < min(sizes):
        yield f"N is {min(sizes) / parameters:.3g} times below the smallest size measured"
    if not ratios[0] <= ratio <= ratios[-1]:
        yield f"the ratio {ratio:.4g}x lies outside the measured {ratios[0]:g}x to {ratios[-1]:g}x"
    yield (
        "other data, tokenizers, architectures and batch sizes than those of the results are not "
        "in any interval"
    )
