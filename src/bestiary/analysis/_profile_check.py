"""The report's intervals beside those of the profile likelihood, which share no code with them.

Shape suffixes: P losses.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bestiary.analysis._draws import DRAWS, PRIOR, REACH, Key
from bestiary.analysis._estimates import factor
from bestiary.analysis._evidence import Evidence, gather
from bestiary.analysis._noise import ASSUMED, SizeNoise
from bestiary.analysis._observations import Observations
from bestiary.analysis._record import Estimate
from bestiary.laws import Array, profile_speedup
from bestiary.specs import Planned, RunResult, Spec, Study

# Losses are float32: no deviation between them is known to be smaller, in nats.
_RESOLUTION = 1e-6


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


def profile_checks(
    study: Study,
    planned: Sequence[Planned],
    results: Mapping[str, RunResult],
    *,
    draws: int = DRAWS,
    seed: int = 0,
    assumed_noise: float = ASSUMED,
) -> tuple[ProfileCheck, ...]:
    """Both intervals of every token speedup that has draws, in the study's order."""
    evidence = gather(study, planned, results, seed=seed, count=draws, assumed=assumed_noise)
    keys = [(one.name, cell) for cell in study.cells for one in study.candidates]
    return tuple(_check(evidence, key) for key in keys if evidence.log_speedup(key) is not None)


def _check(evidence: Evidence, key: Key) -> ProfileCheck:
    """Both intervals of one speedup."""
    name, cell = key
    drawn = evidence.log_speedup(key)
    assert drawn is not None
    reported = factor(drawn.value, drawn.draws)
    found = {one: groups for one, groups in evidence.found.items() if one.size == cell.size}
    low, high = profile_interval(found, evidence.study.baseline, key, evidence.noise[cell.size])
    profile = Estimate(value=reported.value, low=_exp(low), high=_exp(high))
    widths = [_width(one) for one in (reported, profile)]
    ratio = widths[1] / widths[0] if widths[0] and widths[1] is not None else None
    return ProfileCheck(
        optimizer=name,
        size=cell.size,
        ratio=cell.ratio,
        reported=reported,
        profile=profile,
        width_ratio=ratio,
    )


def profile_interval(
    found: Observations, baseline: str, key: Key, noise: SizeNoise
) -> tuple[float, float]:
    """Both ends of the log speedup of one optimizer at one cell.

    Args:
        found: The reported runs of the size.
        baseline: The optimizer whose law is inverted.
        key: The optimizer and its cell.
        noise: The seed noise of the size.
    """
    keys = [(baseline, cell) for cell in found if _losses(found, (baseline, cell))]
    ratios = [cell.ratio for _, cell in keys]
    keys.append(key)
    means_P = np.array([np.mean(list(_losses(found, one).values())) for one in keys])
    profile = profile_speedup(
        ratios,
        means_P,
        covariance=_covariance(found, keys, noise),
        at=key[1].ratio,
        prior=PRIOR,
        reach=REACH,
    )
    return profile.interval(noise.noise.own_freedom if noise.measured else math.inf)


def _covariance(found: Observations, keys: Sequence[Key], noise: SizeNoise) -> Array:
    """Of mean losses: own noise over the seeds, shared noise for the seeds of a cell in common."""
    runs = [_losses(found, key) for key in keys]
    own, shared = max(noise.noise.own, _RESOLUTION) ** 2, noise.noise.shared**2
    covariance_PP = np.diag([own / len(one) for one in runs])
    for row, one in enumerate(runs):
        for column, other in enumerate(runs):
            if keys[row][1] == keys[column][1]:
                common = len(one.keys() & other.keys())
                covariance_PP[row, column] += shared * common / (len(one) * len(other))
    return covariance_PP


def _losses(found: Observations, key: Key) -> dict[int, float]:
    """Report loss by seed."""
    group = found[key[1]].get(key[0])
    return group.losses if group else {}


def _width(one: Estimate) -> float | None:
    """Of an interval, in logs."""
    return None if one.low is None or one.high is None else math.log(one.high / one.low)


def _exp(value: float) -> float | None:
    return math.exp(value) if math.isfinite(value) else None
