"""Hyperparameters predicted for a scale that nobody tuned, beside those of the study's form."""

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from bestiary.errors import UserError
from bestiary.laws import SettingLaw, fit_setting_law
from bestiary.measures._study_prediction import study_prediction
from bestiary.specs import Configuration, Feasible, Spec


class Tuned(NamedTuple):
    """The best configuration of one tuned cell."""

    parameters: float
    ratio: float
    configuration: Configuration

    def of(self, names: Collection[str]) -> "Tuned":
        """The same cell with these hyperparameters alone."""
        kept = {name: value for name, value in self.configuration.items() if name in names}
        return Tuned(self.parameters, self.ratio, kept)


class SettingPrediction(Spec, frozen=True, kw_only=True):
    """One hyperparameter at a target scale.

    Attributes:
        name: The hyperparameter.
        cells: Tuned cells it rests on.
        kind: `power law` where that predicts held-out scales better than a constant.
        held_out: What was left out in turn, `size` or `ratio`; empty where nothing could be.
        constant_error: Held-out root mean square error of a constant, in log units.
        power_law_error: The same of a power law; None where it cannot be judged.
        value: The prediction, within the feasible range and rounded to what can run.
        low: Lower end of the 95% interval of the optimum.
        high: The upper end.
        study_value: What the form of arXiv 2509.02046 predicts, as it does: neither bounded nor
            rounded; None where there are too few cells for it or it runs off to infinity.
        study_problem: That value and why it cannot run; empty where it can.
        study_condition: Condition number of the study's fit; None where a value is free.
        note: What a reader must know; empty where nothing.
    """

    name: str
    cells: int
    kind: str
    held_out: str
    constant_error: float | None
    power_law_error: float | None
    value: float
    low: float
    high: float
    study_value: float | None
    study_problem: str
    study_condition: float | None
    note: str


def setting_predictions(
    tuned: Sequence[Tuned],
    *,
    parameters: float,
    ratio: float,
    ranges: Mapping[str, Feasible],
) -> tuple[SettingPrediction, ...]:
    """Every numeric hyperparameter of one optimizer at a target scale.

    Args:
        tuned: Its tuned cells, sizes first; the order matters to the study's form alone.
        parameters: N of the target.
        ratio: Tokens over 20 N of the target.
        ranges: What each hyperparameter can be; any number of 0 or more where absent.

    Raises:
        UserError: no tuned cells, or a tuned value outside its range.
    """
    if not tuned:
        raise UserError("hyperparameters are predicted from tuned cells, and there are none")
    names = [
        name
        for name, value in tuned[0].configuration.items()
        if not isinstance(value, bool | str)
        and all(isinstance(one.configuration.get(name), int | float) for one in tuned)
    ]
    return tuple(
        _prediction(name, tuned, parameters, ratio, ranges.get(name, Feasible())) for name in names
    )


def _prediction(
    name: str, tuned: Sequence[Tuned], parameters: float, ratio: float, feasible: Feasible
) -> SettingPrediction:
    """One hyperparameter."""
    values = [float(one.configuration[name]) for one in tuned]
    sizes = [one.parameters for one in tuned]
    tokens = [20 * one.ratio * one.parameters for one in tuned]
    law: SettingLaw = fit_setting_law(sizes, tokens, values, feasible=feasible)
    value, low, high = law.predict(parameters, 20 * ratio * parameters)
    theirs = study_prediction(
        [(one.parameters, one.ratio) for one in tuned], values, (parameters, ratio), feasible
    )
    return SettingPrediction(
        name=name,
        cells=len(tuned),
        kind=law.kind,
        held_out=law.held_out,
        constant_error=law.errors.get("constant"),
        power_law_error=law.errors.get("power law"),
        value=value,
        low=low,
        high=high,
        study_value=theirs.value,
        study_problem=theirs.problem,
        study_condition=theirs.condition,
        note=law.note,
    )
