"""Fit L(D) = a D^-B + b to losses, thousands of data sets at once.

For a given exponent the law is linear in (a, b), so the fit is a search over log B alone (variable
projection, Golub and Pereyra 1973): a grid finds the basin, golden section the minimum. No start
values, no failed convergence, and the same code serves one fit and every bootstrap draw.

Shape suffixes: R ratios, K data sets, G grid of exponents.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bestiary.errors import UserError
from bestiary.laws._power import Array, PowerLaw

EXPONENTS = (0.02, 4.0)
_GRID_G = np.linspace(math.log(EXPONENTS[0]), math.log(EXPONENTS[1]), 40)
_GOLDEN = (math.sqrt(5) - 1) / 2
_SECTIONS = 30  # shrinks two grid cells to 1e-7 in log B
_REWEIGHTINGS = 30


@dataclass(frozen=True)
class ExponentPrior:
    """What is known of B before the data: log B is normal.

    The 35 published curves of four ratios (eleven optimizers, 130m to 1.2b, arXiv 2509.02046) have
    a geometric mean of 0.41 with a standard deviation of log B of 0.17, AdamW's four 0.48; the
    exponents of data in joint laws of other work lie between 0.28 and 0.37. The default holds all
    of them: nearly twice the published spread, for other data and smaller models.

    Attributes:
        centre: The median of B.
        spread: Standard deviation of log B; 0.3 puts 95 % between 0.25 and 0.81.
    """

    centre: float = 0.45
    spread: float = 0.3


def fit_power_law(
    ratios: ArrayLike,
    losses: ArrayLike,
    *,
    deviations: ArrayLike | None = None,
    prior: ExponentPrior | None = None,
    centres: ArrayLike | None = None,
    huber: float | None = None,
) -> PowerLaw:
    """The law that minimises sum_r ((L_r - L(D_r)) / s_r)^2 + ((log B - log B0) / spread)^2.

    Bounds: a >= 0, b >= 0, 0.02 <= B <= 4. Without a prior the second term is absent and three
    ratios are needed; with one, two are enough and the exponent is the prior's.

    Args:
        ratios: D, shape (R,), at least two different values.
        losses: Shape (R,) for one fit, (K, R) for K fits.
        deviations: Standard deviation of each loss, shape (R,); all equal 1 where absent.
        prior: Of the exponent; none where absent.
        centres: A prior median for each of the K fits, in place of the prior's own.
        huber: Residuals beyond this many nats count linearly; none do where absent.

    Raises:
        UserError: too few ratios, or a number that is not finite and positive.
    """
    ratios_R, losses_KR, deviations_R = _inputs(ratios, losses, deviations, prior)
    K = losses_KR.shape[0]
    spread = prior.spread if prior else math.inf
    centre = prior.centre if prior else 1.0
    log_centres_K = np.broadcast_to(np.log(centre if centres is None else centres), (K,))
    problem = _Problem(np.log(ratios_R), losses_KR, log_centres_K, spread)
    weights_KR = np.broadcast_to(deviations_R**-2.0, losses_KR.shape)
    law = _least_squares(problem, weights_KR)
    for _ in range(_REWEIGHTINGS if huber else 0):
        residuals_KR = np.abs(losses_KR - _each(law).loss(ratios_R))
        factor_KR = np.minimum(1.0, (huber or 0.0) / np.maximum(residuals_KR, 1e-300))
        law = _least_squares(problem, weights_KR * factor_KR)
    return law if np.ndim(losses) == 2 else law[0]


def _inputs(
    ratios: ArrayLike, losses: ArrayLike, deviations: ArrayLike | None, prior: ExponentPrior | None
) -> tuple[Array, Array, Array]:
    """The arrays of a fit, checked."""
    ratios_R = np.asarray(ratios, float)
    losses_KR = np.atleast_2d(np.asarray(losses, float))
    deviations_R = np.ones_like(ratios_R) if deviations is None else np.asarray(deviations, float)
    for name, array in (("ratios", ratios_R), ("losses", losses_KR), ("deviations", deviations_R)):
        if not (np.isfinite(array).all() and (array > 0).all()):
            raise UserError(f"{name} must be finite and positive, got {array.tolist()}")
    needed = 2 if prior else 3
    if len(set(ratios_R.tolist())) < needed:
        raise UserError(
            f"a loss curve needs {needed} different ratios, got {ratios_R.tolist()}; add runs"
        )
    return ratios_R, losses_KR, deviations_R


@dataclass(frozen=True)
class _Problem:
    """What stays the same while the exponent is searched."""

    log_ratios: Array  # (R,)
    losses: Array  # (K, R)
    log_centres: Array  # (K,)
    spread: float


def _least_squares(problem: _Problem, weights_KR: Array) -> PowerLaw:
    """Search log B: the best grid point of each data set, then golden section around it."""

    def cost(log_exponents_K: Array) -> Array:
        return _cost(problem, weights_KR, log_exponents_K[:, None])[0][:, 0]

    costs_KG = _cost(problem, weights_KR, np.broadcast_to(_GRID_G, (len(weights_KR), _GRID_G.size)))
    best_K = costs_KG[0].argmin(axis=1)
    low_K = _GRID_G[np.maximum(best_K - 1, 0)]
    high_K = _GRID_G[np.minimum(best_K + 1, len(_GRID_G) - 1)]
    width_K = high_K - low_K
    left_K, right_K = high_K - _GOLDEN * width_K, low_K + _GOLDEN * width_K
    cost_left_K, cost_right_K = cost(left_K), cost(right_K)
    for _ in range(_SECTIONS):
        keep_left_K = cost_left_K <= cost_right_K
        low_K = np.where(keep_left_K, low_K, left_K)
        width_K = width_K * _GOLDEN
        # One inner point of the shrunken bracket is an old one; the other is new.
        new_K = low_K + np.where(keep_left_K, 1 - _GOLDEN, _GOLDEN) * width_K
        cost_new_K = cost(new_K)
        left_K, right_K = (
            np.where(keep_left_K, new_K, right_K),
            np.where(keep_left_K, left_K, new_K),
        )
        cost_left_K, cost_right_K = (
            np.where(keep_left_K, cost_new_K, cost_right_K),
            np.where(keep_left_K, cost_left_K, cost_new_K),
        )
    log_exponents_K = low_K + width_K / 2
    _, a_K1, b_K1 = _cost(problem, weights_KR, log_exponents_K[:, None])
    return PowerLaw(a_K1[:, 0], np.exp(log_exponents_K), b_K1[:, 0])


def _cost(
    problem: _Problem, weights_KR: Array, log_exponents_KG: Array
) -> tuple[Array, Array, Array]:
    """Cost, a and b of the best law for each exponent: weighted least squares with a, b >= 0.

    Ratios are the leading axis: there are few of them, and sums over it are sums of large arrays.
    """
    x_RKG = np.exp(-np.exp(log_exponents_KG) * problem.log_ratios[:, None, None])
    w_RK1 = weights_KR.T[..., None]
    loss_RK1 = problem.losses.T[..., None]
    total_K1 = w_RK1.sum(0)
    mean_x_KG = (w_RK1 * x_RKG).sum(0) / total_K1
    mean_loss_K1 = (w_RK1 * loss_RK1).sum(0) / total_K1
    dx_RKG = x_RKG - mean_x_KG
    wdx_RKG = w_RK1 * dx_RKG
    slope_KG = (wdx_RKG * loss_RK1).sum(0) / (wdx_RKG * dx_RKG).sum(0)
    a_KG = np.maximum(slope_KG, 0.0)
    b_KG = mean_loss_K1 - a_KG * mean_x_KG
    if (b_KG < 0).any():
        wx_RKG = w_RK1 * x_RKG
        through_zero_KG = (wx_RKG * loss_RK1).sum(0) / (wx_RKG * x_RKG).sum(0)
        a_KG = np.where(b_KG < 0, through_zero_KG, a_KG)
        b_KG = np.maximum(b_KG, 0.0)
    residuals_RKG = loss_RK1 - a_KG * x_RKG - b_KG
    surprise_KG = (log_exponents_KG - problem.log_centres[:, None]) / problem.spread
    return (w_RK1 * residuals_RKG**2).sum(0) + surprise_KG**2, a_KG, b_KG


def _each(law: PowerLaw) -> PowerLaw:
    """K laws as columns, so that they broadcast against R ratios."""
    return PowerLaw(law.a[:, None], law.exponent[:, None], law.b[:, None])
