"""The profile likelihood of a speedup: an interval that owes nothing to the posterior's draws.

A speedup S says that the baseline's law at ratio S D has the optimizer's loss. For a given S the
baseline's losses and the optimizer's are one least-squares problem in the law,

    deviance(S) = min over a, b and B in its range of  e' C^-1 e,

with e the residuals of all losses and C their covariance, and the interval holds every S whose
deviance exceeds the least by no more than the squared quantile of Student's t (Bates and Watts
1988; Venzon and Moolgavkar 1988). Residuals are linear in (a, b), so only S and B are searched.

Shape suffixes: S speedups, G exponents, R losses (the optimizer's last).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bestiary.laws._exponent import EXPONENTS, ExponentPrior
from bestiary.laws._power import Array
from bestiary.laws._student import student_quantile

_EXPONENTS = 100
_POINTS = 481


@dataclass(frozen=True)
class Profile:
    """The deviance of log speedups.

    Attributes:
        log_speedup: Where it was computed, ascending, shape (S,).
        deviance: Above its least value, shape (S,).
    """

    log_speedup: Array
    deviance: Array

    def interval(self, freedom: float = math.inf, level: float = 0.95) -> tuple[float, float]:
        """Log of both ends; infinite where the deviance stays low up to the last point.

        Args:
            freedom: Degrees of freedom of the noise in the covariance; inf where it is known.
            level: How often the interval holds the truth.
        """
        threshold = student_quantile(0.5 + level / 2, freedom) ** 2
        inside = np.flatnonzero(self.deviance <= threshold)
        return self._end(inside[0], -1, threshold), self._end(inside[-1], 1, threshold)

    def _end(self, index: int, side: int, threshold: float) -> float:
        """Where the deviance crosses the threshold next to a point inside, by a straight line."""
        beyond = index + side
        if not 0 <= beyond < self.deviance.size:
            return side * math.inf
        share = (threshold - self.deviance[index]) / (self.deviance[beyond] - self.deviance[index])
        step = self.log_speedup[beyond] - self.log_speedup[index]
        return float(self.log_speedup[index] + share * step)


def profile_speedup(
    ratios: ArrayLike,
    losses: ArrayLike,
    *,
    covariance: ArrayLike,
    at: float,
    prior: ExponentPrior | None = None,
    reach: float,
) -> Profile:
    """The profile of one optimizer's speedup at one ratio.

    Args:
        ratios: D of the baseline's losses.
        losses: Those losses, then the optimizer's.
        covariance: Of all of them, in nats squared; seeds shared by two losses are in it.
        at: The optimizer's ratio.
        prior: The range of the exponent; needed below three ratios.
        reach: The baseline's law is read at most this factor beyond its ratios.
    """
    ratios_R, losses_R = np.asarray(ratios, float), np.asarray(losses, float)
    whiten_RR = np.linalg.inv(np.linalg.cholesky(np.asarray(covariance, float)))
    low, high = math.log(ratios_R.min() / reach / at), math.log(ratios_R.max() * reach / at)
    log_speedup_S = np.linspace(low, high, _POINTS)
    bounds = (prior.low, prior.high) if prior else EXPONENTS
    exponent_G = np.geomspace(*bounds, _EXPONENTS)
    x_SG = (at * np.exp(log_speedup_S))[:, None] ** -exponent_G
    profile_S = _line_cost(ratios_R[:, None] ** -exponent_G, x_SG, whiten_RR, losses_R).min(axis=1)
    return Profile(log_speedup_S, profile_S - profile_S.min())


def _line_cost(known_RG: Array, x_SG: Array, whiten_RR: Array, losses_R: Array) -> Array:
    """Least squares of the losses on a x + b with a >= 0: the cost, shape (S, G).

    Whitening is lower triangular, so that only the last row, the optimizer's, depends on S.
    """
    one_R, loss_R = whiten_RR.sum(1), whiten_RR @ losses_R
    first_RG = whiten_RR[:-1, :-1] @ known_RG
    last_SG = whiten_RR[-1, :-1] @ known_RG + whiten_RR[-1, -1] * x_SG
    x_one_SG = one_R[:-1] @ first_RG + one_R[-1] * last_SG
    x_loss_SG = loss_R[:-1] @ first_RG + loss_R[-1] * last_SG
    one_one, one_loss = one_R @ one_R, one_R @ loss_R
    x_x_SG = (first_RG**2).sum(0) + last_SG**2 - x_one_SG**2 / one_one
    gain_SG = np.maximum(x_loss_SG - x_one_SG * one_loss / one_one, 0.0) ** 2 / x_x_SG
    return np.asarray(loss_R @ loss_R - one_loss**2 / one_one - gain_SG)
