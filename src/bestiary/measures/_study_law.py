"""The baseline's curve as the published study fits it, as the record that every page draws."""

import numpy as np

from bestiary.measures._baseline import BaselineLaw, sampled
from bestiary.measures._estimates import estimate
from bestiary.measures._study_speedups import StudySpeedups

FORM = "a D^-B + b by least squares, as the study fits it"


def study_law(speedups: StudySpeedups, size: str) -> BaselineLaw:
    """The law of one size, drawn as far as any optimizer has a loss there.

    Args:
        speedups: With a curve at this size.
        size: Which.
    """
    curve, redrawn, fitted = speedups.curves[size], speedups.redrawn[size], speedups.fitted(size)
    losses = [speedups.losses[speedups.baseline, size, ratio] for ratio in fitted]
    ratios = [ratio for _, place, ratio in speedups.losses if place == size]
    return BaselineLaw(
        size=size,
        points=len(fitted),
        form=FORM,
        a=estimate(float(curve.a), redrawn.a),
        exponent=estimate(float(curve.B), redrawn.B),
        b=estimate(float(curve.b), redrawn.b),
        residual=float(np.abs(curve.loss(np.array(fitted)) - losses).max()),
        condition_number=None,
        curve=sampled(curve, redrawn, min(ratios), max(ratios)),
        note="",
    )
