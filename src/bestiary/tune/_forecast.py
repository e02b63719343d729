"""Phase III: hyperparameters of a cell that nobody tuned, by laws over those that were."""

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import msgspec

from bestiary.errors import UserError
from bestiary.laws import StudySetting, fit_setting_law, fit_study_setting, student_quantile
from bestiary.specs import (
    Candidate,
    Cell,
    Configuration,
    Estimate,
    Feasible,
    Phases,
    Setting,
    Spec,
    Study,
)
from bestiary.tune._axis import is_number
from bestiary.tune._between import between
from bestiary.tune._run import cell_runs, model_of
from bestiary.tune._stars import as_setting, rounded
from bestiary.tune._transfer import MeasuredNoise, Transfer, carried, distance
from bestiary.tune._tuning import Assignment, CellTuning

Tuned = Mapping[Cell, CellTuning]


class Forecast(Spec, frozen=True, kw_only=True):
    """One hyperparameter predicted for one cell.

    Attributes:
        name: The hyperparameter.
        value: What is trained: it lies in its range and can run.
        unrounded: What the law says; None where there is none.
        low: Lower end of the law's 95% interval; None where there is none.
        high: Its upper end.
        by: What predicted it: `power law`, `constant`, `the study's law`, or the nearest cell.
        note: What a reader must know; empty where nothing.
    """

    name: str
    value: Setting
    unrounded: float | None = None
    low: float | None = None
    high: float | None = None
    by: str
    note: str = ""


class PredictedConfiguration(Spec, frozen=True, kw_only=True):
    """What phase III predicts for a candidate in a cell.

    Attributes:
        configuration: The complete configuration.
        forecasts: The hyperparameters that laws were asked for.
        note: Why another configuration is trained than the laws say; empty where it is theirs.
    """

    configuration: Configuration
    forecasts: tuple[Forecast, ...]
    note: str = ""


def predict(
    study: Study,
    phases: Phases,
    learnt: Transfer,
    cell: Cell,
    tuned: Tuned,
) -> PredictedConfiguration:
    """Predict a candidate's configuration in a cell from all cells that were tuned.

    Where what the laws say cannot run there, it is the configuration of the nearest tuned cell.

    Args:
        study: The question.
        phases: Its phases.
        learnt: What phase I taught.
        cell: Where.
        tuned: Its tuned cells that have a winner, sizes first; at least one.
    """
    near = min(tuned, key=lambda other: distance(study, cell, other))
    candidate = tuned[near].candidate
    base = carried(_winner(tuned[near]), learnt)
    if phases.protocol == "study":
        forecasts = _as_the_study(study, candidate, cell, tuned, base)
    else:
        forecasts = _by_laws(study, candidate, cell, tuned, learnt, base)
    configuration = {**base, **{one.name: one.value for one in forecasts}}
    try:
        cell_runs(study, candidate, cell).tuning(configuration, "confirm")
    except UserError as error:
        note = f"{error}; trained as {near.size} {near.ratio:g}x is instead"
        return PredictedConfiguration(configuration=base, forecasts=forecasts, note=note)
    return PredictedConfiguration(configuration=configuration, forecasts=forecasts)


def confirm(
    phases: Phases,
    candidate: Candidate,
    learnt: Transfer,
    cell: Cell,
    prediction: PredictedConfiguration,
) -> Assignment:
    """What phase III asks in a cell: the prediction, and by `bestiary` the small star around it.

    The star looks at what depends on scale, and at every coordinate whose grid grows: that one
    value did where everything was tuned does not say that it still does further away.
    """
    alone = phases.protocol == "study"
    looked_at = () if alone else (*learnt.followed, *candidate.extend)
    grid = {name: row for name, row in candidate.grid.items() if name in looked_at}
    return Assignment(
        candidate=msgspec.structs.replace(candidate, start=prediction.configuration, grid=grid),
        cell=cell,
        purpose="confirm",
        method="walk",
        runs=1 if alone else phases.confirming_runs,
    )


def transfer_penalty(tuning: CellTuning, noise: MeasuredNoise) -> Estimate | None:
    """What trusting a prediction costs: its loss over the best of the star around it.

    The interval holds for the comparison with every member of the star at once (Bonferroni), for
    losses that differ by noise of their own; so it is wide rather than narrow.

    Returns:
        Nats per token; None where the prediction or all of its star has no loss.
    """
    if len(tuning.trials) < 2 or not math.isfinite(tuning.trials[0].loss):
        return None
    predicted = tuning.trials[0].loss
    gaps = [predicted - one.loss for one in tuning.trials[1:] if math.isfinite(one.loss)]
    value = max(0.0, *gaps) if gaps else 0.0
    if not (noise.freedom and gaps):
        return Estimate(value=value, low=None, high=None, note="no noise was measured")
    quantile = student_quantile(1 - 0.025 / len(gaps), noise.freedom)
    reach = quantile * math.sqrt(2.0) * noise.deviation
    return Estimate(value=value, low=max(0.0, max(gaps) - reach), high=max(0.0, *gaps) + reach)


def _winner(tuning: CellTuning) -> Configuration:
    assert tuning.winner is not None
    return tuning.winner.planned.configuration


def _optimum(tuning: CellTuning, name: str, feasible: Feasible) -> float:
    """The best value of a coordinate in a cell, read between those that were tried."""
    assert tuning.winner is not None
    return between(name, _winner(tuning), tuning.winner.loss, tuning.losses, feasible)


def _by_laws(
    study: Study,
    candidate: Candidate,
    cell: Cell,
    tuned: Tuned,
    learnt: Transfer,
    base: Configuration,
) -> tuple[Forecast, ...]:
    """Power laws in logs, each only where it beats a constant on scales left out."""
    model = model_of(study, cell)
    sizes = [model_of(study, one).matrix_parameters for one in tuned]
    tokens = [20 * one.ratio * size for one, size in zip(tuned, sizes, strict=True)]
    target = float(model.matrix_parameters), 20.0 * cell.ratio * model.matrix_parameters
    found = []
    for name in learnt.followed:
        values = [_winner(one)[name] for one in tuned.values()]
        if not all(is_number(value) for value in values):
            found.append(Forecast(name=name, value=base[name], by="the nearest cell"))
            continue
        feasible = candidate.ranges.get(name, Feasible())
        numbers = [_optimum(one, name, feasible) for one in tuned.values()]
        law = fit_setting_law(sizes, tokens, numbers, feasible=feasible)
        value, low, high = law.predict(*target)
        # To a few digits: the last bits of a fit are the processor's, and would name another run.
        runnable = feasible.nearest(rounded(value))
        found.append(
            Forecast(
                name=name,
                value=as_setting(runnable, base[name]),
                unrounded=value,
                low=low,
                high=high,
                by=law.kind,
                note=law.note,
            )
        )
    return tuple(found)


def _as_the_study(
    study: Study, candidate: Candidate, cell: Cell, tuned: Tuned, base: Configuration
) -> tuple[Forecast, ...]:
    """The study's law of every number that varies, rounded to the grid."""
    names = [
        name
        for name in base
        if len({_winner(one)[name] for one in tuned.values()}) > 1
        and all(is_number(_winner(one)[name]) for one in tuned.values())
    ]
    return tuple(_study_forecast(study, candidate, cell, tuned, base, name) for name in names)


def _study_forecast(
    study: Study,
    candidate: Candidate,
    cell: Cell,
    tuned: Tuned,
    base: Configuration,
    name: str,
) -> Forecast:
    values = [float(_winner(one)[name]) for one in tuned.values()]
    sizes = tuple(model_of(study, one).matrix_parameters for one in tuned)
    law = _study_law(sizes, tuple(one.ratio for one in tuned), tuple(values))
    if isinstance(law, str):
        return Forecast(name=name, value=base[name], by="the nearest cell", note=law)
    stated = float(law.predict(model_of(study, cell).matrix_parameters, cell.ratio))
    if not math.isfinite(stated):
        return Forecast(name=name, value=base[name], by="the nearest cell", note="no number")
    grid = [float(one) for one in candidate.grid.get(name, ()) if is_number(one)]
    nearest = _nearest(stated, sorted({*grid, *values}))
    return Forecast(
        name=name, value=as_setting(nearest, base[name]), unrounded=stated, by="the study's law"
    )


@lru_cache(maxsize=1_000)
def _study_law(
    sizes: tuple[int, ...], ratios: tuple[float, ...], values: tuple[float, ...]
) -> StudySetting | str:
    """The fit, or why there is none, remembered: it can take long, and every cell asks for it."""
    try:
        return fit_study_setting(sizes, ratios, values)
    except UserError as error:
        return str(error)


def _nearest(value: float, grid: Sequence[float]) -> float:
    """The value of a grid nearest to another in ratio; 0 where it is less than half the least."""
    positive = [one for one in grid if one > 0]
    if not positive or (0 in grid and value < positive[0] / 2):
        return min(grid, key=lambda one: abs(one - value))
    bounded = max(value, positive[0] / 2)
    return min(positive, key=lambda one: abs(math.log(one / bounded)))
