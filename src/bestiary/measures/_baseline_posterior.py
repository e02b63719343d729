"""The baseline's curve at one size: one posterior that every measure reads."""

import numpy as np

from bestiary.evidence import Evidence
from bestiary.laws import CurvePosterior, ExponentPrior

PRIOR = ExponentPrior()


def baseline_posterior(evidence: Evidence, size: str) -> CurvePosterior | None:
    """What the baseline's losses at a size say of a D^-B + b; None below two ratios.

    Args:
        evidence: What was seen.
        size: One of its sizes.
    """
    own = [one for one in evidence.of(evidence.baseline).values() if one.size == size]
    if len({one.ratio for one in own}) < 2:
        return None
    noise = evidence.noise[size].floored
    return CurvePosterior(
        ratios=np.array([one.ratio for one in own]),
        losses=np.array([one.loss for one in own]),
        deviations=np.array([noise / len(one.losses) ** 0.5 for one in own]),
        prior=PRIOR,
    )
