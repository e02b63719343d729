"""`bestiary advise`: what to train with, from results of smaller trainings."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import tyro
from msgspec import Meta

from bestiary.cli._flags import Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import findings_of
from bestiary.cli._telling import number, tell
from bestiary.errors import UserError, unknown
from bestiary.specs import Spec

if TYPE_CHECKING:
    from bestiary.analysis.answers import Advice, Option, Recommendation

COLUMNS = {
    "label": "optimizer",
    "difference": "loss difference",
    "speedup": "token speedup",
    "other": "",
    "step": "step time",
    "time": "time speedup",
    "takes": "takes",
    "worth": "worth it, tokens / time",
}
OTHER = {"data": "if the same at every size", "data and size": "if it changes with size"}
SETTINGS = {"name": "hyperparameter", "value": "start with", "range": "95 %", "origin": "from"}


class Flags(Spec, frozen=True, kw_only=True):
    """Advise on a training.

    Attributes:
        results: A study folder, imported results, or `fantastic2025` (the published study).
        params: Non-embedding parameters N of the model, for instance 3e9.
        tokens: Training tokens D, for instance 2e11.
        device: Accelerator, for hours: h100, h200, b200, a100, mi300x, v5e, v5p or v6e.
        count: How many of them.
        utilisation: Share of their peak rate that the training meets.
        optimizer: Whose hyperparameters are shown; those of the best where none is named.
        json: Print JSON.
    """

    results: tyro.conf.Positional[str] = "fantastic2025"
    params: Annotated[float, Meta(ge=0)] = 0.0
    tokens: Annotated[float, Meta(ge=0)] = 0.0
    device: str = ""
    count: Annotated[int, Meta(ge=1)] = 1
    utilisation: Annotated[float, Meta(gt=0, le=1)] = 0.4
    optimizer: str = ""
    json: Switch = False


def run(flags: Flags) -> None:
    """Print every optimizer for the target, settings to start from, and what would settle it."""
    if not (flags.params and flags.tokens):
        raise UserError("name the training: bestiary advise --params 3e9 --tokens 2e11")
    from bestiary.analysis.answers import advise

    findings = findings_of(flags.results)
    if flags.optimizer and flags.optimizer not in findings.optimizers:
        raise unknown("optimizer", flags.optimizer, findings.optimizers)
    advice = advise(
        findings,
        flags.params,
        flags.tokens,
        device=flags.device,
        count=flags.count,
        utilisation=flags.utilisation,
    )
    if flags.json:
        print_json(msgspec.to_builtins(advice))
        return
    _tell(advice, flags.optimizer)


def _tell(advice: "Advice", optimizer: str) -> None:
    from bestiary.report import quantity

    tell(
        f"{quantity(advice.parameters)} parameters, {quantity(advice.tokens)} tokens "
        f"({advice.ratio:.3g}x), from {advice.source}",
        *advice.answer,
        *_machine(advice),
    )
    columns = {**COLUMNS, "other": OTHER[next(one.form for one in advice.forms if not one.used)]}
    show([_row(one) for one in advice.options], columns, as_json=False)
    for form in sorted(advice.forms, key=lambda form: not form.used):
        used = "believed" if form.used else "for comparison"
        off = (
            "which two sizes cannot tell"
            if form.held_out is None
            else f"off by {form.held_out:.4f} nats at the largest size, predicted from the others"
        )
        tell(f"Law ({used}): {form.meaning}; {off}.")
    for note, labels in _grouped((one.step_time.note, one.label) for one in advice.options):
        tell(f"Step time of {labels}: {note}.")
    for note, labels in _grouped((note, one.label) for one in advice.options for note in one.notes):
        tell(f"{labels}: {note}.")
    tell(*(f"Extrapolation: {one}." for one in advice.extrapolation))
    tell(*_experiment(advice))
    _settings(advice, optimizer)


def _machine(advice: "Advice") -> list[str]:
    from bestiary.report import duration

    if advice.machine is None:
        return []
    one = advice.machine
    return [
        f"{advice.baseline} on {one.count} {one.device}: about {duration(one.seconds)} (6 N D at "
        f"{one.utilisation:.0%} of {one.peak_flops / 1e12:g} TFLOP/s, {one.peak_source})."
    ]


def _row(one: "Option") -> dict[str, Any]:
    from bestiary.report import duration

    return {
        "label": one.label,
        "difference": number(one.loss_difference, "+.4f"),
        "speedup": number(one.speedup, unit="x"),
        "other": number(one.other_speedup, unit="x"),
        "step": number(one.step_time, unit="x"),
        "time": number(one.time_speedup, unit="x"),
        "takes": None if one.seconds is None else duration(one.seconds),
        "worth": f"{one.worth_tokens} / {one.worth_time}",
    }


def _grouped(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Notes with all the optimizers that each is about."""
    found: dict[str, list[str]] = {}
    for note, label in pairs:
        if note:
            found.setdefault(note, []).append(label)
    return [(note, ", ".join(labels)) for note, labels in found.items()]


def _experiment(advice: "Advice") -> list[str]:
    one = advice.experiment
    if one is None:
        return ["No experiment below a tenth of the cost would tell anything."]
    first, second = one.optimizers
    return [
        f"Settled best by: {first} and {second} at {one.size} {one.ratio:g}x, {one.seeds} seeds "
        f"each, {one.share:.2%} of the training's cost; the doubt on their ratio of speedups "
        f"falls from {one.doubt_now:.1%} to {one.doubt_after:.1%}."
    ]


def _settings(advice: "Advice", optimizer: str) -> None:
    """The settings of one optimizer and of the baseline beside it."""
    chosen = [one for one in advice.options if optimizer in ("", one.optimizer)][:1]
    tables = [(one.label, one.settings) for one in chosen if optimizer != advice.baseline]
    for title, settings in (*tables, (advice.baseline, advice.baseline_settings)):
        if settings:
            show([_setting(one) for one in settings], SETTINGS, as_json=False, title=title)


def _setting(one: "Recommendation") -> dict[str, Any]:
    value = one.value
    if isinstance(value, float):
        value = f"{value:.4g}"
    known = one.low is not None and one.high is not None
    mark = "; extrapolated" if one.extrapolated else ""
    return {
        "name": one.name,
        "value": str(value),
        "range": f"{one.low:.3g} to {one.high:.3g}" if known else None,
        "origin": one.origin + mark,
    }
