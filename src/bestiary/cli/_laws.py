"""`bestiary laws`: the laws that results support, and how well they are known."""

from typing import TYPE_CHECKING, Any

import msgspec
import tyro

from bestiary.cli._flags import StatedNoise, Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import evidence_of
from bestiary.cli._telling import tell
from bestiary.specs import DATA_RATIO, Spec

if TYPE_CHECKING:
    from bestiary.answers.laws import CurveLaw, Laws, SettingCheck
    from bestiary.measures import FormResult

CURVES = {
    "size": "size",
    "ratios": "ratios",
    "a": "a",
    "exponent": "B",
    "b": "b",
    "correlations": "correlations",
    "condition_number": "condition",
    "robust_exponent": "B, Huber",
    "held_out": "greatest ratio\nleft out, mnats",
    "misfit": "p of\nthe form",
}
FORMS = {
    "form": "form",
    "parameters": "values",
    "criterion": "AICc",
    "deviation": "residual",
    "held_out_size": "size\nleft out",
    "held_out_largest": "largest size\nleft out",
    "held_out_optimizer": "optimizer at a\nsize left out",
    "condition_number": "condition",
    "starts": "starts\nthat agree",
}
VALUES = {"name": "value of the first form", "value": "fit", "error": "±", "robust": "Huber fit"}
SETTINGS = {
    "optimizer": "optimizer",
    "name": "hyperparameter",
    "errors": "off at left-out scales\nconstant / power law",
    "kind": "believed",
    "value": "predicted",
    "interval": "95%",
    "tuned": "used there",
    "study": "form of\n2509.02046",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Show fitted laws.

    Attributes:
        results: A study folder, imported results, or `fantastic2025` (the published study).
        noise: Standard deviation between seeds in nats, where no cell was repeated; by default
            assumed from the size of the model.
        json: Print JSON.
    """

    results: tyro.conf.Positional[str] = "fantastic2025"
    noise: StatedNoise = 0.0
    json: Switch = False


def run(flags: Flags) -> None:
    """Print every law with its conditioning and its errors on what it has not seen."""
    from bestiary.answers.laws import laws_of

    laws = laws_of(evidence_of(flags.results, flags.noise))
    if flags.json:
        print_json(msgspec.to_builtins(laws))
        return
    tell(f"Results: {laws.source}", *(f"Noise: {one}" for one in laws.noise), "")
    if laws.curves:
        tell(f"Loss of {laws.baseline} at each size: a D^-B + b, D the {DATA_RATIO}")
        show([_curve(one) for one in laws.curves], CURVES, as_json=False)
    _tell_joint(laws)
    if laws.settings:
        tell(
            f"Hyperparameters at {laws.settings[0].at}, predicted from the smaller sizes (errors "
            "in logs: 0.69 is a factor of two)"
        )
        show([_setting(one) for one in laws.settings], SETTINGS, as_json=False)
    tell(*laws.limits)


def _tell_joint(laws: "Laws") -> None:
    """The forms, what follows, and the values of the first."""
    if laws.joint is None:
        return
    tell(
        f"One law for all {laws.joint.losses} losses: "
        "E + A N^-alpha + C N^kappa (R D)^-beta, R = r N^g (D/N)^h for each optimizer (errors in "
        "mnats)"
    )
    show([_form(one) for one in laws.joint.forms], FORMS, as_json=False)
    tell(*laws.conclusions, "")
    robust = {one.name: f"{one.value:.3f}" for one in laws.robust}
    first = laws.joint.forms[0]
    rows = [
        {
            "name": one.name,
            "value": f"{one.value:.3f}",
            "error": f"{one.error:.3f}",
            "robust": robust.get(one.name, ""),
        }
        for one in first.values
    ]
    show(rows, VALUES, as_json=False)
    if first.correlated:
        pairs = "; ".join(" and ".join(pair) for pair in first.correlated)
        tell(f"Correlated beyond 0.95, so not known one by one: {pairs}.", "")


def _curve(one: "CurveLaw") -> dict[str, Any]:
    correlated = one.correlations.items()
    return {
        "size": one.size,
        "ratios": " ".join(f"{ratio:g}" for ratio in one.ratios),
        "a": one.a.text(".3f", between="\n"),
        "exponent": one.exponent.text(".3f", between="\n"),
        "b": one.b.text(".3f", between="\n"),
        "correlations": "\n".join(f"{pair} {value:.2f}" for pair, value in correlated),
        "condition_number": _condition(one.condition_number),
        "robust_exponent": "-" if one.robust_exponent is None else f"{one.robust_exponent:.3f}",
        "held_out": "-" if one.held_out is None else f"{1e3 * one.held_out:+.1f}",
        "misfit": "-" if one.misfit is None else f"{one.misfit:.1g}",
    }


def _form(one: "FormResult") -> dict[str, Any]:
    errors = ("deviation", "held_out_size", "held_out_largest", "held_out_optimizer")
    return {
        "form": one.form,
        "parameters": one.parameters,
        "criterion": "-" if one.criterion is None else f"{one.criterion:+.0f}",
        **{name: f"{1e3 * getattr(one, name):.1f}" for name in errors},
        "condition_number": _condition(one.condition_number),
        "starts": f"{one.starts[0]} of {one.starts[1]}",
    }


def _condition(number: float | None) -> str:
    """A condition number, or that the losses leave a value free."""
    return "a value free" if number is None else f"{number:.0f}"


def _setting(one: "SettingCheck") -> dict[str, Any]:
    found = one.prediction
    errors = [
        "-" if error is None else f"{error:.2f}"
        for error in (found.constant_error, found.power_law_error)
    ]
    study = "-" if found.study_value is None else f"{found.study_value:.4g}"
    return {
        "optimizer": one.optimizer,
        "name": found.name,
        "errors": " / ".join(errors),
        "kind": found.kind,
        "value": f"{found.value:.4g}",
        "interval": f"{found.low:.3g} to {found.high:.3g}",
        "tuned": "-" if one.tuned is None else f"{one.tuned:g}",
        "study": found.study_problem or study,
    }
