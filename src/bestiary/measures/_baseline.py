"""The baseline's law as a record: parameters with intervals, conditioning, and a curve to draw."""

from typing import Protocol

import numpy as np

from bestiary.laws import Array, conditioning
from bestiary.measures._baseline_posterior import PRIOR
from bestiary.measures._draws import Draws
from bestiary.measures._estimates import estimate
from bestiary.measures._size_draws import BaselineFit
from bestiary.specs import NOTHING, Estimate, Spec

# The curve is drawn this factor beyond the data on both sides, at this many points.
MARGIN, POINTS = 1.5, 41
# Above this condition number single parameters mean little, though the curve may be well known.
_ILL_CONDITIONED = 1e3


class LossLaw(Protocol):
    """Anything that gives a loss at a ratio, or the losses of many draws."""

    def loss(self, ratio: float, /) -> Array:
        """Nats per token."""


class LawPoint(Spec, frozen=True, kw_only=True):
    """One point of a fitted law with its band."""

    ratio: float
    loss: float
    low: float
    high: float


class BaselineLaw(Spec, frozen=True, kw_only=True):
    """The baseline's loss at one size as a function of the ratio: L(D) = a D^-B + b.

    Attributes:
        points: Ratios the fit rests on.
        form: How it was fitted, in words.
        a: Loss above the asymptote at ratio 1.
        exponent: B.
        b: The asymptote.
        residual: Largest absolute residual, in nats.
        condition_number: Of the scaled Jacobian; above 1e3 the parameters are not separately known.
        curve: The law sampled for drawing, with its band, a little beyond the data on both sides.
        note: What a reader must know; why there is no law where `a` has no value.
    """

    size: str
    points: int
    form: str
    a: Estimate
    exponent: Estimate
    b: Estimate
    residual: float | None
    condition_number: float | None
    curve: tuple[LawPoint, ...]
    note: str


def baseline_law(draws: Draws, size: str) -> BaselineLaw:
    """The record of one size's law, or the reason why there is none."""
    fitted, baseline = draws.sizes[size].fitted, draws.evidence.baseline
    points = sum(name == baseline for name, _, _ in draws.sizes[size].losses)
    if fitted is None:
        return _no_law(size, points)
    known = conditioning(fitted.law, fitted.ratios, fitted.deviations, PRIOR)
    condition = None if known is None else known.condition_number
    return BaselineLaw(
        size=size,
        points=points,
        form=f"a D^-B + b with B between {PRIOR.low:g} and {PRIOR.high:g}, at the median of B",
        a=estimate(float(fitted.law.a), fitted.laws.a),
        exponent=estimate(float(fitted.law.exponent), fitted.laws.exponent),
        b=estimate(float(fitted.law.b), fitted.laws.b),
        residual=float(np.abs(fitted.law.loss(fitted.ratios) - fitted.losses).max()),
        condition_number=condition,
        curve=sampled(fitted.law, fitted.laws, fitted.ratios.min(), fitted.ratios.max()),
        note=_note(fitted, condition),
    )


def _no_law(size: str, points: int) -> BaselineLaw:
    """A size whose baseline has too few losses."""
    return BaselineLaw(
        size=size,
        points=points,
        form="none",
        a=NOTHING,
        exponent=NOTHING,
        b=NOTHING,
        residual=None,
        condition_number=None,
        curve=(),
        note=f"A law needs the baseline at two ratios or more; it has a loss at {points}.",
    )


def sampled(law: LossLaw, laws: LossLaw, least: float, most: float) -> tuple[LawPoint, ...]:
    """A law and its band, evenly in log ratio, from a little below a ratio to a little above one.

    Args:
        law: The law itself.
        laws: Its draws.
        least: The smallest ratio that has to be in view.
        most: The largest one.
    """
    points = []
    for ratio in np.geomspace(least / MARGIN, most * MARGIN, POINTS):
        band = np.quantile(laws.loss(ratio), [0.025, 0.975])
        points.append(
            LawPoint(
                ratio=float(ratio),
                loss=float(law.loss(ratio)),
                low=float(band[0]),
                high=float(band[1]),
            )
        )
    return tuple(points)


def _note(fitted: BaselineFit, condition: float | None) -> str:
    """What a reader must know about this law."""
    notes = []
    if fitted.law.a == 0:
        notes.append("The loss does not fall with data, so no loss can be turned into data.")
    if len(fitted.ratios) == 2:
        notes.append(
            f"Two ratios do not show the exponent: any between {PRIOR.low:g} and {PRIOR.high:g} is "
            "held possible, and every interval contains that doubt."
        )
    elif len(fitted.ratios) == 3:
        notes.append("Three ratios fix three parameters: nothing is left to test the law's form.")
    if fitted.rejected:
        notes.append(
            "The losses miss the form a D^-B + b by more than their noise "
            f"(p = {fitted.misfit:.1g}), and no interval contains that."
        )
    if condition is not None and condition > _ILL_CONDITIONED:
        notes.append("The parameters are not separately known (ill-conditioned); the curve may be.")
    return " ".join(notes)
