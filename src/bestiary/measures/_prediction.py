"""Losses and speedups at a size and token count that nobody trained, from the joint law."""

import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from bestiary.evidence import Evidence, Observation
from bestiary.laws import JointFit
from bestiary.measures._drawn import stream
from bestiary.measures._estimates import estimate
from bestiary.measures._held_out_speedups import HeldOutSpeedups, Kind, Misfit, Predicted
from bestiary.measures._joint import joint_fit
from bestiary.measures._measures import Measures
from bestiary.specs import Estimate, Spec

IN_WORDS = {
    "data": "the speedup of an optimizer is the same everywhere",
    "data and size": "the speedup of an optimizer changes with size",
    "data and ratio": "the speedup of an optimizer changes with the ratio of data to model",
    "data, size and ratio": "the speedup of an optimizer changes with size and ratio",
}
CANDIDATES = tuple(IN_WORDS)
# A size or ratio within this factor of a measured one is the same, up to how people round them.
SAME = 1.1
# A form with more terms must predict better by this share, and by one standard error of the error.
_CLEARLY = 0.05


class FormCheck(Spec, frozen=True, kw_only=True):
    """How well one form of the joint law does.

    Attributes:
        meaning: What it assumes.
        criterion: AICc; lower is better.
        held_out: Root mean square error of measured speedups at ratios and sizes that were left
            out, each whole and in turn, in logs (0.05 is 5%); None where nothing could be left out.
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
    """What is predicted of one optimizer.

    Attributes:
        difference: Its loss less the baseline's.
        speedup: Beyond the sizes and ratios that were measured, where no held-out error tells one
            form from another, its interval spans those of every form.
        by_form: The log of the speedup by every form.
    """

    difference: Estimate
    speedup: Estimate
    by_form: dict[str, Predicted]


class JointModel:
    """The joint laws of some results, and which form is believed.

    Attributes:
        measures: The results, measured.
        fits: By form, without draws.
        held_out: By form, what it says of ratios and sizes that it has not seen.
        used: The simplest form whose held-out error is within 5% and one standard error of the
            least; that of the lowest AICc where nothing could be left out.
        checks: All forms.
    """

    def __init__(self, measures: Measures) -> None:
        """Fit every form to the losses, and to all but those of every ratio and size.

        Raises:
            UserError: too few sizes or ratios for a joint law.
        """
        self.measures, evidence = measures, measures.evidence
        self.fits = {form: joint_fit(evidence, form, draws=0) for form in CANDIDATES}
        self.held_out = {form: HeldOutSpeedups(measures, form) for form in CANDIDATES}
        errors = {form: one.error for form, one in self.held_out.items()}
        ranks = {form: self._rank(form, errors[form]) for form in CANDIDATES}
        doubt = max(_CLEARLY, *(one.error_doubt for one in self.held_out.values()))
        enough = min(ranks.values()) + doubt * abs(min(ranks.values()))
        tested = None not in errors.values()
        self.used = (
            next(form for form in CANDIDATES if ranks[form] <= enough)
            if tested
            else min(CANDIDATES, key=ranks.__getitem__)
        )
        self.checks = tuple(
            FormCheck(
                form=form,
                meaning=IN_WORDS[form],
                criterion=_finite(fit.criterion),
                held_out=errors[form],
                condition_number=_finite(fit.condition_number),
                used=form == self.used,
            )
            for form, fit in self.fits.items()
        )

    def _rank(self, form: str, error: float | None) -> float:
        return self.fits[form].criterion if error is None else error

    @property
    def evidence(self) -> Evidence:
        """The results behind it."""
        return self.measures.evidence

    @cached_property
    def fit(self) -> JointFit:
        """The fit that is believed, with draws."""
        return joint_fit(self.evidence, self.used)

    def measured_at(self, optimizer: str, parameters: float, tokens: float) -> Observation | None:
        """What was run at this very N and D, but for rounding; None where nothing was."""
        asked = (parameters, tokens / (20 * parameters))
        near = [
            one
            for one in self.evidence.of(optimizer).values()
            if all(_same(*pair) for pair in zip((one.parameters, one.ratio), asked, strict=True))
        ]
        return min(near, key=lambda one: abs(math.log(one.parameters / parameters)), default=None)

    def predict(self, optimizer: str, parameters: float, tokens: float) -> Prediction:
        """Loss difference to the baseline and token speedup at N and D."""
        laws, law, at = self.fit.laws, self.fit.law, (parameters, tokens)
        assert laws is not None
        baseline, misfit = self.evidence.baseline, self.misfit(self.used, *at)
        luck_K = stream(0, optimizer, "misfit").normal(size=len(laws.values))
        missed_K = misfit.deviation * self._slope(*at) * luck_K
        difference = float(law.loss(optimizer, *at) - law.loss(baseline, *at))
        draws_K = laws.loss(optimizer, *at) - laws.loss(baseline, *at) + missed_K
        beyond = self._beyond(*at)
        by_form = {form: self.log_speedup(form, optimizer, *at) for form in CANDIDATES}
        speedup = by_form[self.used].estimate(extrapolated=beyond)
        return Prediction(
            estimate(difference, draws_K, extrapolated=beyond),
            _spanning(speedup, by_form) if beyond else speedup,
            by_form,
        )

    def _beyond(self, parameters: float, tokens: float) -> bool:
        """Whether a target lies outside the sizes or the ratios that were measured."""
        sizes = list(self.evidence.measured_sizes.values())
        ratios = [one.ratio for one in self.evidence.found]
        return not (
            min(sizes) / SAME <= parameters <= max(sizes) * SAME
            and min(ratios) / SAME <= tokens / (20 * parameters) <= max(ratios) * SAME
        )

    def log_speedup(self, form: str, optimizer: str, parameters: float, tokens: float) -> Predicted:
        """The log of the token speedup at N and D by one form, with all that it may miss."""
        fit, misfit = self.fits[form], self.misfit(form, parameters, tokens)
        at = (optimizer, parameters, tokens)
        deviation = fit.law.log_speedup_deviation(*at, fit.covariance)
        value = float(fit.law.log_speedup(*at))
        return Predicted(value, math.hypot(deviation, misfit.deviation), misfit.freedom)

    def misfit(self, form: str, parameters: float, tokens: float) -> Misfit:
        """What a form misses at a new ratio of a measured size, or at a new size.

        Where nothing could be left out, what the residuals of its losses come to.
        """
        known = any(_same(size, parameters) for size in self.evidence.measured_sizes.values())
        kind: Kind = "ratio" if known else "size"
        found = self.held_out[form].misfit(kind)
        if found is not None:
            return found
        scatter = self.fits[form].scatter
        own = float(np.median(scatter.own)) * math.sqrt(2)
        return Misfit(own / self._slope(parameters, tokens), scatter.residuals.own_freedom)

    def baseline_loss(self, parameters: float, tokens: float) -> Estimate:
        """The baseline's loss at N and D."""
        laws, scatter, name = self.fit.laws, self.fit.scatter, self.evidence.baseline
        assert laws is not None
        value = float(self.fit.law.loss(name, parameters, tokens))
        missed = math.hypot(float(np.median(scatter.own)), scatter.shared)
        luck_K = missed * stream(0, name, "misfit").normal(size=len(laws.values))
        return estimate(value, laws.loss(name, parameters, tokens) + luck_K)

    def _slope(self, parameters: float, tokens: float) -> float:
        """By how many nats the baseline's loss falls as data grow by a factor of e."""
        tokens_2 = tokens * np.exp([-0.01, 0.01])
        losses_2 = self.fits[self.used].law.loss(self.evidence.baseline, parameters, tokens_2)
        return float(losses_2[0] - losses_2[1]) / 0.02


def _spanning(speedup: Estimate, by_form: dict[str, Predicted]) -> Estimate:
    """The speedup with an interval that spans those of every form."""
    every = [one.estimate() for one in by_form.values()]
    low, high = min(one.low or 0.0 for one in every), max(one.high or 0.0 for one in every)
    spanning: Estimate = replace(speedup, low=low, high=high)
    return spanning


def _same(one: float, other: float) -> bool:
    return abs(math.log(one / other)) <= math.log(SAME)


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None
