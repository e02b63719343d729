"""`bestiary advise`: what to train with, from results of smaller trainings."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
import tyro
from msgspec import Meta

from bestiary.cli._flags import Amount, StatedNoise, Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import evidence_of
from bestiary.cli._telling import tell
from bestiary.errors import UserError, unknown
from bestiary.specs import Devices, Spec, Utilisation, duration, quantity

if TYPE_CHECKING:
    from bestiary.answers.advise import Advice, Option
    from bestiary.measures import FormCheck, Recommendation

COLUMNS = {
    "label": "optimizer",
    "difference": "loss difference",
    "speedup": "token speedup",
    "step": "step time",
    "time": "time speedup",
    "worth": "worth it",
}
Project = Literal["none", "torchtitan", "megatron", "hf", "nanochat", "levanter", "optax"]
NEVER = "never varied"
SETTINGS = {
    "name": "hyperparameter",
    "value": "start with",
    "range": "95%",
    "last": "",
    "study": "study's form",
    "origin": "from",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Advise on a training.

    Attributes:
        results: A study folder, imported results, or `fantastic2025` (the published study).
        params: Non-embedding parameters N of the model, for instance 3B or 3e9.
        tokens: Training tokens D, for instance 200B or 2e11.
        device: Accelerator, for hours: h100, h200, b200, a100, mi300x, v5e, v5p or v6e.
        count: How many of them.
        utilisation: Share of their peak rate that the training meets.
        optimizer: Whose hyperparameters are shown; those of the one to run where none is named.
        config: Print instead a block to paste into a configuration: torchtitan, megatron, hf,
            nanochat, levanter or optax.
        held_out: Instead of advice, how often its intervals hold what was measured: every speedup
            is predicted from results without its ratio, and without its size.
        noise: Standard deviation between seeds in nats, where no cell was repeated; by default
            assumed from the size of the model.
        json: Print JSON.
    """

    results: tyro.conf.Positional[str] = "fantastic2025"
    params: Annotated[Amount, Meta(ge=0, le=1e30)] = 0.0
    tokens: Annotated[Amount, Meta(ge=0, le=1e30)] = 0.0
    device: str = ""
    count: Devices = 1
    utilisation: Utilisation = 0.4
    optimizer: str = ""
    config: Project = "none"
    held_out: Switch = False
    noise: StatedNoise = 0.0
    json: Switch = False


def run(flags: Flags) -> None:
    """Print every optimizer for the target, settings to start from, and what would settle it."""
    if flags.held_out:
        _tell_held_out(flags)
        return
    if not (flags.params and flags.tokens):
        raise UserError("name the training: bestiary advise --params 3e9 --tokens 2e11")
    if min(flags.params, flags.tokens) < 1:
        raise UserError(
            "--params and --tokens must be >= 1, "
            f"got {min(flags.params, flags.tokens):g}; write them as 3e9 or 3B"
        )
    from bestiary.answers.advise import advise

    evidence = evidence_of(flags.results, flags.noise)
    if flags.optimizer and flags.optimizer not in evidence.optimizers:
        raise unknown("optimizer", flags.optimizer, evidence.optimizers)
    advice = advise(
        evidence,
        flags.params,
        flags.tokens,
        device=flags.device,
        count=flags.count,
        utilisation=flags.utilisation,
        optimizer=flags.optimizer,
    )
    if flags.json:
        print_json(msgspec.to_builtins(advice))
    elif flags.config != "none":
        print(_block(flags, flags.config, advice))
    else:
        _tell(advice, flags.optimizer)


def _block(flags: Flags, project: str, advice: "Advice") -> str:
    """A block for a configuration; what each optimizer of the catalogue takes it says itself."""
    from bestiary.answers.advise import config_block

    accepted: tuple[str, ...] = ()
    if project == "optax":
        from bestiary.optimizers import available

        entry = available().get(advice.start.optimizer)
        accepted = tuple(entry.fields) if entry else ()
    about = (
        f"# for {flags.params:g} parameters and {flags.tokens:g} tokens, from {advice.source}: "
        "a start, not a tuned optimum"
    )
    block = config_block(project, advice.start, devices=flags.count, accepted=accepted)
    return f"{about}\n{block}"


def _tell_held_out(flags: Flags) -> None:
    from bestiary.answers.advise import held_out

    found = held_out(evidence_of(flags.results, flags.noise))
    if flags.json:
        print_json(msgspec.to_builtins(found))
        return
    tell(f"Speedups of {found.source}, predicted without them", "")
    rows = [
        {
            "left": f"one {one.left_out} at a time",
            "cells": one.cells,
            "inside": f"{one.inside} ({one.inside / one.cells:.1%})",
            "error": f"{one.error:.1%}",
            "width": f"{one.width:.2f}",
        }
        for one in found.counts
    ]
    columns = {
        "left": "left out",
        "cells": "speedups",
        "inside": "inside their 95% interval",
        "error": "error",
        "width": "high / low",
    }
    show(rows, columns, as_json=False)
    for form in sorted(found.forms, key=lambda form: not form.used):
        mark = "believed" if form.used else "not believed"
        tell(f"{form.form}, {mark}: {form.meaning}; off by {form.held_out or 0:.1%} in all.")


def _tell(advice: "Advice", optimizer: str) -> None:
    tell(
        f"{quantity(advice.parameters)} parameters, {quantity(advice.tokens)} tokens "
        f"({advice.ratio:.4g}x), from {advice.source}",
        "",
    )
    lines = [{"what": one.what, "text": one.text} for one in advice.brief]
    show(lines, {"what": "start with", "text": ""}, as_json=False)
    tell(*advice.answer[1:], *_machine(advice))
    _measured(advice)
    here = [one.label for one in advice.options if one.measured_here]
    measured = f"; measured at the target itself: {', '.join(here)}" if here else ""
    tell(f"Predicted over {advice.baseline_label}, with 95% intervals{measured}")
    show([_row(one) for one in advice.options], COLUMNS, as_json=False)
    tell("Behind these numbers", *(f"- {line}" for line in _grounds(advice)))
    _settings(advice, optimizer or advice.choice.optimizer)


def _machine(advice: "Advice") -> list[str]:
    if advice.machine is None:
        return []
    one = advice.machine
    chosen = next(
        (each for each in advice.options if each.optimizer == advice.choice.optimizer), None
    )
    instead = ""
    if chosen and chosen.seconds and chosen.tokens:
        instead = (
            f"; {chosen.label} reaches the same loss with {chosen.tokens / advice.tokens:.0%} of "
            f"the tokens in about {duration(chosen.seconds)}"
        )
    return [
        f"{advice.baseline_label} on {one.count} {one.device}: about {duration(one.seconds)}"
        f"{instead} (6 N D at {one.utilisation:.0%} of {one.peak_flops / 1e12:g} TFLOP/s)."
    ]


def _measured(advice: "Advice") -> None:
    """What was measured by size: the trend that every prediction carries on."""
    sizes = dict.fromkeys(cell.size for one in advice.options for cell in one.measured)
    ratios = {cell.ratio for one in advice.options for cell in one.measured}
    if not ratios:
        return
    rows = [
        {
            "label": one.label,
            **{cell.size: cell.speedup.times(between="\n") for cell in one.measured},
        }
        for one in advice.options
    ]
    title = f"Measured token speedup over {advice.baseline_label} at {ratios.pop():g}x, by size"
    tell("", title)
    show(rows, {"label": "optimizer", **{size: size for size in sizes}}, as_json=False)


def _row(one: "Option") -> dict[str, Any]:
    time = one.time_speedup.times(between="\n")
    takes = "" if one.seconds is None else f"\n{duration(one.seconds)}"
    return {
        "label": one.label,
        "difference": one.loss_difference.text("+.4f", between="\n"),
        "speedup": one.speedup.times(between="\n"),
        "step": one.step_time.times(between="\n"),
        "time": time + takes,
        "worth": f"tokens: {one.worth_tokens}\ntime: {one.worth_time}",
    }


def _grounds(advice: "Advice") -> Iterable[str]:
    """Laws, step times, tuning and extrapolation, each told once."""
    for form in sorted(advice.forms, key=lambda form: not form.used):
        yield _form(advice, form)
    for note, labels in _grouped((one.step_time.note, one.label) for one in advice.options):
        yield f"Step time of {labels}: {note}."
    edges = [
        f"{one.label} {one.edge_cells} of {one.cells}" for one in advice.options if one.edge_cells
    ]
    if edges:
        yield (
            "Learning rate on the edge of what was tried, so that better may lie beyond, in cells: "
            f"{', '.join(edges)}."
        )
    for why, labels in _grouped((one.open_because, one.label) for one in advice.options):
        yield f"Open whatever the law says: {labels} ({why})."
    for line in advice.extrapolation:
        yield f"Extrapolation: {line}."
    yield _experiment(advice)


def _form(advice: "Advice", form: "FormCheck") -> str:
    tests = []
    if form.criterion is not None:
        tests.append(f"AICc {form.criterion:.1f}")
    if form.held_out is not None:
        tests.append(f"off by {form.held_out:.1%} at ratios and sizes that were left out")
    off = ", ".join(tests) or "too few data to test it"
    if form.used:
        return f"Law: {form.meaning}; {off}."
    told = ", ".join(
        f"{one.label} {one.by_law[form.form].times()}"
        for one in advice.options
        if one.optimizer in advice.choice.nearest
    )
    says = f"; it would say {told}" if told else ""
    return f"Other law: {form.meaning}; {off}{says}."


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Notes with all the optimizers that each is about."""
    found: dict[str, list[str]] = {}
    for note, label in pairs:
        if note:
            found.setdefault(note, []).append(label)
    return [(note, ", ".join(labels)) for note, labels in found.items()]


def _experiment(advice: "Advice") -> str:
    one = advice.experiment
    if one is None:
        return "No experiment for a tenth of the cost would tell anything."
    first, second = one.optimizers
    seeds = "1 seed" if one.seeds == 1 else f"{one.seeds} seeds"
    chosen = next((each for each in advice.options if each.optimizer == first), None)
    if chosen is not None and chosen.worth_tokens == "yes":
        start = "Known better by"
    elif one.doubt_after < 0.8 * one.doubt_now:
        start = "Settled best by"
    else:
        start = "Nothing short of the target settles it; most is learnt from"
    return (
        f"{start}: {first} and {second} at {one.size} {one.ratio:g}x, {seeds} each, "
        f"{one.share:.2%} of the training's cost; the standard deviation of their ratio of "
        f"speedups falls from {one.doubt_now:.1%} to {one.doubt_after:.1%}."
    )


def _settings(advice: "Advice", optimizer: str) -> None:
    """The settings of one optimizer and of the baseline beside it."""
    chosen = [(one.label, one.settings) for one in advice.options if one.optimizer == optimizer]
    for title, settings in (*chosen, (advice.baseline_label, advice.baseline_settings)):
        varied = [one for one in settings if not one.origin.endswith(NEVER)]
        fixed = [f"{one.name} {_plain(one.value)}" for one in settings if one not in varied]
        if varied:
            columns = {**SETTINGS, "last": f"run at {settings[0].last_at}"}
            show([_setting(one) for one in varied], columns, as_json=False, title=title)
        if fixed:
            tell(f"{title}, {NEVER}: {', '.join(fixed)}.")


def _setting(one: "Recommendation") -> dict[str, Any]:
    known = one.low is not None and one.high is not None
    study = None if one.study_value is None else f"{one.study_value:.4g}"
    return {
        "name": one.name,
        "value": _plain(one.value),
        "last": None if one.last is None else _plain(one.last),
        "range": f"{one.low:.3g} to {one.high:.3g}" if known else None,
        "study": one.study_problem or study,
        "origin": one.origin + ("; extrapolated" if one.extrapolated else ""),
    }


def _plain(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
