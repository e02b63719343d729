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
_GRID_G = np.linspace(math.log(EXPONENTS[0]), math.log(EXPONENTS[1]), 96)
_GOLDEN = (math.sqrt(5) - 1) / 2
_SECTIONS = 42  # shrinks one grid cell to 1e-10 in log B
_REWEIGHTINGS = 30


@dataclass(frozen=True)
class ExponentPrior:
    """What is known of B before the data: log B is normal.

    Attributes:
        centre: The median of B. AdamW curves of arXiv 2509.02046 have 0.40 to 0.50.
        spread: Standard deviation of log B.
    """

    centre: float = 0.5
    spread: float = 0.5


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
    costs_KG = _cost(problem, weights_KR, _GRID_G[None, :])[0]
    best_K = costs_KG.argmin(axis=1)
    low_K = _GRID_G[np.maximum(best_K - 1, 0)]
    high_K = _GRID_G[np.minimum(best_K + 1, len(_GRID_G) - 1)]
    for _ in range(_SECTIONS):
        width_K = _GOLDEN * (high_K - low_K)
        left_K, right_K = high_K - width_K, low_K + width_K
        costs_K2 = _cost(problem, weights_KR, np.stack([left_K, right_K], axis=1))[0]
        keep_left_K = costs_K2[:, 0] <= costs_K2[:, 1]
        high_K = np.where(keep_left_K, right_K, high_K)
        low_K = np.where(keep_left_K, low_K, left_K)
    log_exponents_K = (low_K + high_K) / 2
    _, a_K1, b_K1 = _cost(problem, weights_KR, log_exponents_K[:, None])
    return PowerLaw(a_K1[:, 0], np.exp(log_exponents_K), b_K1[:, 0])


def _cost(
    problem: _Problem, weights_KR: Array, log_exponents_KG: Array
) -> tuple[Array, Array, Array]:
    """Cost, a and b of the best law for each exponent: weighted least squares with a, b >= 0."""
    x_KGR = np.exp(-np.exp(log_exponents_KG)[..., None] * problem.log_ratios)
    w_KGR = weights_KR[:, None, :]
    losses_KGR = problem.losses[:, None, :]
    total_KG = w_KGR.sum(-1)
    mean_x_KG = (w_KGR * x_KGR).sum(-1) / total_KG
    mean_loss_KG = (w_KGR * losses_KGR).sum(-1) / total_KG
    dx_KGR = x_KGR - mean_x_KG[..., None]
    slope_KG = (w_KGR * dx_KGR * losses_KGR).sum(-1) / (w_KGR * dx_KGR**2).sum(-1)
    a_KG = np.maximum(slope_KG, 0.0)
    b_KG = mean_loss_KG - a_KG * mean_x_KG
    through_zero_KG = (w_KGR * x_KGR * losses_KGR).sum(-1) / (w_KGR * x_KGR**2).sum(-1)
    a_KG = np.where(b_KG < 0, through_zero_KG, a_KG)
    b_KG = np.maximum(b_KG, 0.0)
    residuals_KGR = losses_KGR - a_KG[..., None] * x_KGR - b_KG[..., None]
    surprise_KG = (log_exponents_KG - problem.log_centres[:, None]) / problem.spread
    return (w_KGR * residuals_KGR**2).sum(-1) + surprise_KG**2, a_KG, b_KG


def _each(law: PowerLaw) -> PowerLaw:
    """K laws as columns, so that they broadcast against R ratios."""
    return PowerLaw(law.a[:, None], law.exponent[:, None], law.b[:, None])
