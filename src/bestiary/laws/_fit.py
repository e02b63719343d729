"""Fit L(D) = a D^-B + b by least squares or with Huber's loss, thousands of data sets at once.

For a given exponent the law is linear in (a, b), so the fit is a search over log B alone (variable
projection, Golub and Pereyra 1973): a grid finds the basin, golden section the minimum. No start
values and no failed convergence. What the losses leave open, `CurvePosterior` says.

Shape suffixes: R ratios, K data sets, G grid of exponents.
"""

import math

import numpy as np
from numpy.typing import ArrayLike

from bestiary.laws._exponent import EXPONENTS
from bestiary.laws._inputs import curve_inputs
from bestiary.laws._power import Array, PowerLaw

_GRID_G = np.linspace(math.log(EXPONENTS[0]), math.log(EXPONENTS[1]), 40)
_GOLDEN = (math.sqrt(5) - 1) / 2
_SECTIONS = 30  # shrinks two grid cells to 1e-7 in log B
_REWEIGHTINGS = 30


def fit_power_law(
    ratios: ArrayLike,
    losses: ArrayLike,
    *,
    deviations: ArrayLike | None = None,
    huber: float | None = None,
) -> PowerLaw:
    """The law that minimises sum_r ((L_r - L(D_r)) / s_r)^2.

    Bounds: a >= 0, b >= 0, 0.02 <= B <= 4.

    Args:
        ratios: D, shape (R,), at least three different values.
        losses: Shape (R,) for one fit, (K, R) for K fits.
        deviations: Standard deviation of each loss, shape (R,); all equal 1 where absent.
        huber: Residuals beyond this many nats count linearly; none do where absent.

    Raises:
        UserError: too few ratios, or a number that is not finite and positive.
    """
    ratios_R, losses_KR, deviations_R = curve_inputs(ratios, losses, deviations, needed=3)
    losses_KR = np.atleast_2d(losses_KR)
    log_ratios_R = np.log(ratios_R)
    weights_KR = np.broadcast_to(deviations_R**-2.0, losses_KR.shape)
    law = _least_squares(log_ratios_R, losses_KR, weights_KR)
    for _ in range(_REWEIGHTINGS if huber else 0):
        residuals_KR = np.abs(losses_KR - _each(law).loss(ratios_R))
        factor_KR = np.minimum(1.0, (huber or 0.0) / np.maximum(residuals_KR, 1e-300))
        law = _least_squares(log_ratios_R, losses_KR, weights_KR * factor_KR)
    return law if np.ndim(losses) == 2 else law[0]


def _least_squares(log_ratios_R: Array, losses_KR: Array, weights_KR: Array) -> PowerLaw:
    """Search log B: the best grid point of each data set, then golden section around it."""

    def cost(log_exponents_K: Array) -> Array:
        return _cost(log_ratios_R, losses_KR, weights_KR, log_exponents_K[:, None])[0][:, 0]

    grid_KG = np.broadcast_to(_GRID_G, (len(losses_KR), _GRID_G.size))
    best_K = _cost(log_ratios_R, losses_KR, weights_KR, grid_KG)[0].argmin(axis=1)
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
    _, a_K1, b_K1 = _cost(log_ratios_R, losses_KR, weights_KR, log_exponents_K[:, None])
    return PowerLaw(a_K1[:, 0], np.exp(log_exponents_K), b_K1[:, 0])


def _cost(
    log_ratios_R: Array, losses_KR: Array, weights_KR: Array, log_exponents_KG: Array
) -> tuple[Array, Array, Array]:
    """Cost, a and b of the best law for each exponent: weighted least squares with a, b >= 0.

    Ratios are the leading axis: there are few of them, and sums over it are sums of large arrays.
    """
    x_RKG = np.exp(-np.exp(log_exponents_KG) * log_ratios_R[:, None, None])
    w_RK1 = weights_KR.T[..., None]
    loss_RK1 = losses_KR.T[..., None]
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
    return (w_RK1 * residuals_RKG**2).sum(0), a_KG, b_KG


def _each(law: PowerLaw) -> PowerLaw:
    """K laws as columns, so that they broadcast against R ratios."""
    return PowerLaw(law.a[:, None], law.exponent[:, None], law.b[:, None])
