"""The report's intervals beside those of the profile likelihood, which share no code with them.

Shape suffixes: P losses.
"""

import math
from collections.abc import Sequence

import numpy as np

from bestiary.evidence import Evidence, Observation
from bestiary.laws import RESOLUTION, Array, profile_speedup
from bestiary.measures._baseline_posterior import PRIOR
from bestiary.measures._drawn import Drawn
from bestiary.measures._draws import draw
from bestiary.measures._estimates import factor
from bestiary.measures._measures import Measures
from bestiary.measures._size_draws import REACH
from bestiary.specs import Estimate, Spec


class ProfileCheck(Spec, frozen=True, kw_only=True):
    """Two intervals of one token speedup.

    Attributes:
        reported: As the report gives it.
        profile: By profile likelihood under the same prior and the same pooled noise.
        width_ratio: Width in logs of the second over the first; None where one is open.
    """

    optimizer: str
    size: str
    ratio: float
    reported: Estimate
    profile: Estimate
    width_ratio: float | None


def profile_checks(measures: Measures) -> tuple[ProfileCheck, ...]:
    """Both intervals of every token speedup that has draws, in the study's order.

    Args:
        measures: Drawn anew with noise that is alike everywhere, which the profile assumes.
    """
    evidence = measures.evidence
    draws = draw(evidence, seed=measures.seed, count=measures.count, plain=True)
    found = ((one, draws.log_speedup(one.key)) for one in evidence.observations)
    return tuple(_check(evidence, one, drawn) for one, drawn in found if drawn is not None)


def _check(evidence: Evidence, one: Observation, drawn: Drawn) -> ProfileCheck:
    """Both intervals of one speedup."""
    reported = factor(drawn.value, drawn.draws)
    low, high = profile_interval(evidence, one)
    profile = Estimate(value=reported.value, low=_exp(low), high=_exp(high))
    widths = [_width(each) for each in (reported, profile)]
    ratio = widths[1] / widths[0] if widths[0] and widths[1] is not None else None
    return ProfileCheck(
        optimizer=one.optimizer,
        size=one.size,
        ratio=one.ratio,
        reported=reported,
        profile=profile,
        width_ratio=ratio,
    )


def profile_interval(evidence: Evidence, one: Observation) -> tuple[float, float]:
    """Both ends of the log speedup of one optimizer at one cell."""
    noise = evidence.noise[one.size]
    baseline = [each for each in evidence.of(evidence.baseline).values() if each.size == one.size]
    seen = [*baseline, one]
    profile = profile_speedup(
        [each.ratio for each in baseline],
        np.array([each.loss for each in seen]),
        covariance=_covariance(seen, noise.own, noise.shared),
        at=one.ratio,
        prior=PRIOR,
        reach=REACH,
    )
    return profile.interval(math.inf if noise.freedom is None else noise.freedom)


def _covariance(seen: Sequence[Observation], own: float, shared: float) -> Array:
    """Of mean losses: own noise over the seeds, shared noise for the seeds of a cell in common."""
    own = max(own, RESOLUTION)
    covariance_PP = np.diag([own**2 / len(one.done) for one in seen])
    for row, one in enumerate(seen):
        for column, other in enumerate(seen):
            if one.cell == other.cell:
                common = len(one.seeds & other.seeds)
                covariance_PP[row, column] += shared**2 * common / (len(one.done) * len(other.done))
    return covariance_PP


def _width(one: Estimate) -> float | None:
    """Of an interval, in logs."""
    return None if one.low is None or one.high is None else math.log(one.high / one.low)


def _exp(value: float) -> float | None:
    return math.exp(value) if math.isfinite(value) else None
