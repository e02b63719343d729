"""Recommended hyperparameters for a target size, each with its doubt and where it comes from."""

import math
from collections import Counter
from collections.abc import Iterable

from msgspec.structs import replace

from bestiary.evidence import Evidence, Observation
from bestiary.laws import SettingLaw, fit_setting_law
from bestiary.measures._study_prediction import study_prediction
from bestiary.specs import Feasible, Setting, Spec

# Changing these moved the loss by less than its noise, in ablations of arXiv 2509.02046.
HARMLESS = ("epsilon", "muon_epsilon", "scion_epsilon", "max_grad_norm")
# A tuned value on a grid of factors of two is known to about half a step.
MARGIN = 2.0**0.5
# Below so many tuned cells the spread of a tuned value is not known well enough for an interval.
FEWEST_CELLS = 4


class Recommendation(Spec, frozen=True, kw_only=True):
    """One hyperparameter.

    Attributes:
        value: What to start with.
        low: Lower end of the 95% interval of its optimum; None where it is not a quantity.
        high: The upper end.
        origin: Where it comes from; held-out errors are in units of the natural logarithm.
        last: The value of the run nearest to the target in N and D, tuned there or not.
        last_at: Where that is.
        extrapolated: Whether a law was read beyond the sizes and tokens that it was fitted to.
        study_value: What the form of arXiv 2509.02046 predicts from the same tuned cells, as it
            does: neither bounded nor rounded; None where there are too few cells for it, it runs
            off to infinity, or it was not asked for.
        study_problem: That value and why it cannot run; empty where it can.
    """

    name: str
    value: Setting
    low: float | None
    high: float | None
    origin: str
    last: Setting | None = None
    last_at: str = ""
    extrapolated: bool = False
    study_value: float | None = None
    study_problem: str = ""


def recommend(
    evidence: Evidence, optimizer: str, parameters: float, tokens: float, *, study: bool = False
) -> tuple[Recommendation, ...]:
    """Every hyperparameter of an optimizer at N and D, from the configurations tuned for it.

    Args:
        evidence: The results.
        optimizer: One of theirs.
        parameters: N of the target.
        tokens: D of the target.
        study: Whether to fit the study's form too, which takes longer than all the rest.
    """
    own = [one for one in evidence.of(optimizer).values() if one.settings]
    tuned = [one for one in own if not one.tuning.inherited] or own
    names = dict.fromkeys(name for one in tuned for name in one.settings)
    target = (parameters, tokens)
    last = min(own, key=lambda one: _distance(one, target), default=None)
    ranges = evidence.contenders[optimizer].ranges
    found = (
        _one(
            (name, ranges.get(name, Feasible())),
            [one for one in tuned if name in one.settings],
            target,
            study,
        )
        for name in names
    )
    return tuple(
        one if last is None else replace(one, last=last.settings.get(one.name), last_at=last.place)
        for one in found
    )


def _distance(one: Observation, target: tuple[float, float]) -> float:
    """In logs of N and D."""
    return math.hypot(math.log(one.parameters / target[0]), math.log(one.tokens / target[1]))


def _one(
    setting: tuple[str, Feasible],
    tuned: list[Observation],
    target: tuple[float, float],
    study: bool,
) -> Recommendation:
    name, feasible = setting
    values = [_number(one.settings[name]) for one in tuned]
    numbers = [one for one in values if isinstance(one, float)]
    quantity = len(numbers) == len(values) and min(numbers) > 0
    if quantity and len(set(values)) > 1 and name not in HARMLESS:
        return _from_law(setting, tuned, numbers, target, study)
    common, count = Counter(values).most_common(1)[0]
    searched = any(name in one.tuning.coordinates for one in tuned)
    value = next(one.settings[name] for one in tuned if _number(one.settings[name]) == common)
    scaled = (
        isinstance(common, float) and common > 0 and name not in HARMLESS and feasible.high is None
    )
    known = scaled and searched and count == len(values)
    return Recommendation(
        name=name,
        value=value,
        low=common / MARGIN if known and isinstance(common, float) else None,
        high=common * MARGIN if known and isinstance(common, float) else None,
        origin=_frequency(count, len(values), searched, name in HARMLESS),
    )


def _number(value: Setting) -> Setting:
    """Numbers as floats, so that 0 and 0.0 are one value; True stays apart from 1."""
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _frequency(count: int, cells: int, searched: bool, harmless: bool) -> str:
    told = f"the same in all {cells} cells" if count == cells else f"in {count} of {cells} cells"
    if not searched:
        return f"{told}, never varied"
    return f"{told}; hardly matters" if harmless else f"{told}, the best of those tried"


def _from_law(
    setting: tuple[str, Feasible],
    tuned: list[Observation],
    numbers: list[float],
    target: tuple[float, float],
    study: bool,
) -> Recommendation:
    name, feasible = setting
    if len(tuned) < FEWEST_CELLS:
        return _from_nearest(name, tuned, target)
    sizes, tokens = [one.parameters for one in tuned], [one.tokens for one in tuned]
    law = fit_setting_law(sizes, tokens, numbers, feasible=feasible)
    value, low, high = law.predict(*target)
    if law.kind == "constant":
        # A value that was tried, and not a mean between two that were.
        value = min(set(numbers), key=lambda one: abs(_log(one, law) - _log(value, law)))
    outside = not (
        min(sizes) <= target[0] <= max(sizes) and min(tokens) <= target[1] <= max(tokens)
    )
    found = Recommendation(
        name=name,
        value=value,
        low=min(low, value),
        high=max(high, value),
        origin="; ".join(_origin(law, len(tuned))),
        extrapolated=outside and law.kind == "power law",
    )
    if not study:
        return found
    cells = [(one.parameters, one.ratio) for one in tuned]
    at = (target[0], target[1] / (20 * target[0]))
    theirs = study_prediction(cells, numbers, at, feasible)
    return replace(found, study_value=theirs.value, study_problem=theirs.problem)


def _from_nearest(
    name: str, tuned: list[Observation], target: tuple[float, float]
) -> Recommendation:
    """The value of the tuned cell closest in N and D."""
    nearest = min(tuned, key=lambda one: _distance(one, target))
    told = ", ".join(f"{one.settings[name]:g} at {one.place}" for one in tuned)
    return Recommendation(
        name=name,
        value=nearest.settings[name],
        low=None,
        high=None,
        origin=f"the nearest of {len(tuned)} tuned cells, too few for a law: {told}",
    )


def _log(value: float, law: SettingLaw) -> float:
    """A value on the scale on which its law is linear."""
    return math.log(1 - value if law.feasible.from_one else value)


def _origin(law: SettingLaw, cells: int) -> Iterable[str]:
    told = f"{law.kind} of {cells} tuned cells"
    if law.kind == "power law":
        told += f", N^{-law.coefficients[1]:.2f} D^{-law.coefficients[2]:.2f}"
    yield told
    if len(law.errors) == 2:
        yield f"off on held-out {law.held_out}s by " + ", ".join(
            f"{error:.2f} ({kind})" for kind, error in law.errors.items()
        )
    if law.note:
        yield law.note.rstrip(".")
