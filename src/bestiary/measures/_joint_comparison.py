"""Which joint law of N and D the losses support: by criterion, and on losses a law has not seen.

Shape suffix: P losses.
"""

import math
from collections.abc import Mapping

import numpy as np
from msgspec.structs import replace
from numpy.typing import NDArray

from bestiary.errors import UserError
from bestiary.laws import (
    FORMS,
    RESOLUTION,
    Array,
    JointData,
    JointFit,
    JointForm,
    fit_joint_law,
    held_out_errors,
)
from bestiary.specs import Spec

Folds = list[NDArray[np.int64]]
# Values more correlated than this are not told apart by the data.
_CORRELATED = 0.95


class LawValue(Spec, frozen=True, kw_only=True):
    """One value of a law, by its name in the formula, with its standard error."""

    name: str
    value: float
    error: float


class FormResult(Spec, frozen=True, kw_only=True):
    """How one form does.

    Attributes:
        form: Its name in `bestiary.laws.FORMS`.
        parameters: Values fitted.
        criterion: AICc less that of the best form; None where there are too few losses for it.
        deviation: Root mean square residual, in nats.
        held_out_size: Root mean square error at a size left out entirely, in nats, over all sizes.
        held_out_largest: The same at the largest size, predicted from all smaller ones.
        held_out_optimizer: The same for one optimizer left out at one size.
        condition_number: Of the data's Jacobian; None where they leave a value free.
        correlated: Pairs of values whose correlation exceeds 0.95 in absolute value.
        starts: Of how many starts the best minimum was found, and how many there were.
        values: The law.
    """

    form: str
    parameters: int
    criterion: float | None
    deviation: float
    held_out_size: float
    held_out_largest: float
    held_out_optimizer: float
    condition_number: float | None
    correlated: tuple[tuple[str, str], ...]
    starts: tuple[int, int]
    values: tuple[LawValue, ...]


class SeparateFit(Spec, frozen=True, kw_only=True):
    """L = E + A N^-alpha + C D^-beta fitted to one optimizer alone, as a warning.

    Attributes:
        losses: How many it rests on.
        condition_number: None where they leave a value free.
        values: The law.
    """

    optimizer: str
    losses: int
    condition_number: float | None
    values: tuple[LawValue, ...]


class JointComparison(Spec, frozen=True, kw_only=True):
    """All forms on the same losses.

    Attributes:
        losses: Losses fitted.
        forms: Every form, the lowest criterion first.
        separate: Each optimizer on its own.
    """

    losses: int
    forms: tuple[FormResult, ...]
    separate: tuple[SeparateFit, ...]


def compare_joint_laws(
    data: JointData, forms: Mapping[str, JointForm] = FORMS, *, huber: float | None = None
) -> JointComparison:
    """Fit every form and compare.

    Args:
        data: The losses.
        forms: The forms by name.
        huber: Residuals beyond this many nats count linearly; none do where absent.
    """
    sizes = [np.flatnonzero(np.asarray(data.parameters) == size) for size in data.sizes]
    groups = _groups(data)
    found = [_form(data, name, form, sizes, groups, huber) for name, form in forms.items()]
    best = min((one.criterion for one in found if one.criterion is not None), default=None)
    relative = [
        _with_criterion(
            one, None if best is None or one.criterion is None else one.criterion - best
        )
        for one in found
    ]
    relative.sort(key=lambda one: math.inf if one.criterion is None else one.criterion)
    separate = tuple(one for name in data.optimizers if (one := _separate(data, name)) is not None)
    return JointComparison(
        losses=len(data.which),
        forms=tuple(relative),
        separate=separate,
    )


def _groups(data: JointData) -> Folds:
    """The losses of every optimizer but the baseline, size by size."""
    keys = list(zip(data.which, np.asarray(data.parameters).tolist(), strict=True))
    return [
        np.array([index for index, key in enumerate(keys) if key == wanted])
        for wanted in dict.fromkeys(keys)
        if wanted[0] != data.baseline
    ]


def _form(
    data: JointData,
    name: str,
    form: JointForm,
    sizes: Folds,
    groups: Folds,
    huber: float | None,
) -> FormResult:
    """One form, fitted and tested."""
    fit = fit_joint_law(data, form, huber=huber)
    by_size = held_out_errors(data, form, sizes, huber=huber, fit=fit)
    by_group = [fit.residuals]
    if groups:
        by_group = held_out_errors(data, form, groups, huber=huber, fit=fit)
    return FormResult(
        form=name,
        parameters=len(fit.law.names),
        criterion=_finite(fit.criterion),
        deviation=fit.deviation,
        held_out_size=_rms(by_size),
        held_out_largest=_rms(by_size[-1:]),
        held_out_optimizer=_rms(by_group),
        condition_number=_finite(fit.condition_number),
        correlated=_correlated(fit),
        starts=fit.starts,
        values=_values(fit),
    )


def _with_criterion(one: FormResult, criterion: float | None) -> FormResult:
    return replace(one, criterion=criterion)


def _separate(data: JointData, name: str) -> SeparateFit | None:
    """One optimizer on its own; None where it lacks sizes or ratios."""
    own = [index for index, one in enumerate(data.which) if one == name]
    try:
        alone = JointData(
            which=(name,) * len(own),
            parameters=np.asarray(data.parameters)[own],
            tokens=np.asarray(data.tokens)[own],
            losses=np.asarray(data.losses)[own],
            deviations=np.maximum(np.asarray(data.deviations)[own], RESOLUTION),
            baseline=name,
        )
    except UserError:
        return None
    fit = fit_joint_law(alone, JointForm(data=False, size=False, interaction=False))
    return SeparateFit(
        optimizer=name,
        losses=len(own),
        condition_number=_finite(fit.condition_number),
        values=_values(fit),
    )


def _correlated(fit: JointFit) -> tuple[tuple[str, str], ...]:
    """Pairs of values that the data do not tell apart."""
    names = fit.law.names
    return tuple(
        (names[row], names[column])
        for row in range(len(names))
        for column in range(row)
        if abs(fit.correlations[row, column]) > _CORRELATED
    )


def _values(fit: JointFit) -> tuple[LawValue, ...]:
    """Every value with its standard error."""
    return tuple(
        LawValue(name=name, value=float(value), error=float(error))
        for name, value, error in zip(fit.law.names, fit.law.values, fit.errors, strict=True)
    )


def _rms(errors: list[Array]) -> float:
    return float(np.sqrt(np.mean(np.concatenate(errors) ** 2)))


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
