"""Losses and speedups at a size and token count that nobody trained, from the joint law."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bestiary.evidence import Evidence
from bestiary.laws import FORMS, Array, JointData, JointFit, held_out_errors
from bestiary.measures._estimates import estimate, factor
from bestiary.measures._joint import joint_data, joint_fit
from bestiary.measures._measures import Measures
from bestiary.specs import Estimate, Spec

CANDIDATES = ("data", "data and size")
IN_WORDS = {
    "data": "the speedup of an optimizer is the same at every size",
    "data and size": "the speedup of an optimizer changes with size",
}


class FormCheck(Spec, frozen=True, kw_only=True):
    """How well one form of the joint law does.

    Attributes:
        meaning: What it assumes.
        criterion: AICc; lower is better.
        held_out: Root mean square error at the largest size, predicted from the others, in nats;
            None below three sizes, where one alone would have to predict the other.
        condition_number: Of the fit; above 1e3 single values are not separately known.
        used: Whether predictions are made with it.
    """

    form: str
    meaning: str
    criterion: float | None
    held_out: float | None
    condition_number: float | None
    used: bool


class Prediction(NamedTuple):
    """What a form predicts for one optimizer."""

    difference: Estimate
    speedup: Estimate
    log_speedup: Array


class JointModel:
    """The joint laws of some results, and which form is believed.

    Attributes:
        measures: The results, measured.
        fits: By form.
        used: The form with the lower AICc. The error on one held-out size, which is told beside it,
            is a single trial: on the published study up to 520m it prefers the form that misses
            1.2b.
        checks: Both forms.
    """

    def __init__(self, measures: Measures) -> None:
        """Fit both forms to the losses.

        Raises:
            UserError: too few sizes or ratios for a joint law.
        """
        self.measures, evidence = measures, measures.evidence
        data = joint_data(evidence)
        largest = np.flatnonzero(np.asarray(data.parameters) == data.sizes[-1])
        self.fits = {form: joint_fit(evidence, form) for form in CANDIDATES}
        errors = {form: _error(data, form, largest) for form in CANDIDATES if len(data.sizes) > 2}
        self.used = min(CANDIDATES, key=lambda form: self.fits[form].criterion)
        self.checks = tuple(
            FormCheck(
                form=form,
                meaning=IN_WORDS[form],
                criterion=_finite(fit.criterion),
                held_out=errors.get(form),
                condition_number=_finite(fit.condition_number),
                used=form == self.used,
            )
            for form, fit in self.fits.items()
        )

    @property
    def evidence(self) -> Evidence:
        """The results behind it."""
        return self.measures.evidence

    @property
    def fit(self) -> JointFit:
        """The fit that is believed."""
        return self.fits[self.used]

    def other(self, optimizer: str, parameters: float, tokens: float) -> Prediction:
        """The same by the form that is not believed, for comparison."""
        (form,) = set(CANDIDATES) - {self.used}
        return self._predict(self.fits[form], optimizer, parameters, tokens)

    def predict(self, optimizer: str, parameters: float, tokens: float) -> Prediction:
        """Loss difference to the baseline and token speedup at N and D."""
        return self._predict(self.fit, optimizer, parameters, tokens)

    def baseline_loss(self, parameters: float, tokens: float) -> Estimate:
        """The baseline's loss at N and D."""
        assert self.fit.laws is not None
        name = self.evidence.baseline
        value = float(self.fit.law.loss(name, parameters, tokens))
        return estimate(value, self.fit.laws.loss(name, parameters, tokens))

    def _predict(
        self, fit: JointFit, optimizer: str, parameters: float, tokens: float
    ) -> Prediction:
        assert fit.laws is not None
        at, baseline = (parameters, tokens), self.evidence.baseline
        beyond = parameters > max(self.evidence.measured_sizes.values()) * 1.01
        difference = float(fit.law.loss(optimizer, *at) - fit.law.loss(baseline, *at))
        draws_K = fit.laws.loss(optimizer, *at) - fit.laws.loss(baseline, *at)
        log_K = fit.laws.log_speedup(optimizer, *at)
        return Prediction(
            estimate(difference, draws_K, extrapolated=beyond),
            factor(float(fit.law.log_speedup(optimizer, *at)), log_K, extrapolated=beyond),
            log_K,
        )


def _error(data: JointData, form: str, points: NDArray[np.int64]) -> float:
    """Root mean square error at points that the fit has not seen."""
    (missed,) = held_out_errors(data, FORMS[form], [points])
    return float(np.sqrt(np.mean(missed**2)))


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
