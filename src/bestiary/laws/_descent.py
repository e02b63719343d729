"""Nonlinear least squares for many problems at once: Levenberg-Marquardt with a normal prior.

Each problem minimises  sum_p w_p rho(y_p - f_p(v)) + sum_q ((v_q - c_q) / s_q)^2  with rho the
square, or Huber's loss by iterative reweighting. One batch holds every start, every held-out fold
and every bootstrap draw, so that all of them are one stack of small linear systems.

Shape suffixes: K problems, P points, Q parameters.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bestiary.laws._power import Array

Chosen = NDArray[np.int64] | slice
_STEPS = 200
_TOLERANCE = 1e-10  # relative fall of the cost below which a problem is done
# Laws are fitted by logs: beyond these the numbers overflow and mean nothing.
_LIMIT = 30.0


@dataclass(frozen=True)
class Problems:
    """K problems that share one function.

    Attributes:
        function: Values (K, Q) to predictions (K, P).
        jacobian: Values (K, Q) to derivatives (K, P, Q).
        observed: y, shape (K, P).
        weights: w, shape (K, P); 0 leaves a point out.
        centres: c of the prior, shape (K, Q).
        precision: 1 / s^2, shape (Q,); 0 where nothing is known.
        huber: Residuals beyond this count linearly; none do where it is None.
    """

    function: Callable[[Array], Array]
    jacobian: Callable[[Array], Array]
    observed: Array
    weights: Array
    centres: Array
    precision: Array
    huber: float | None = None

    def cost(self, values_KQ: Array, chosen: Chosen = slice(None)) -> Array:
        """The cost of each chosen problem at its values."""
        residual_KP = np.abs(self.observed[chosen] - self.function(values_KQ))
        if self.huber is None:
            loss_KP = residual_KP**2
        else:
            linear_KP = self.huber * (2 * residual_KP - self.huber)
            loss_KP = np.where(residual_KP <= self.huber, residual_KP**2, linear_KP)
        surprise_KQ = (values_KQ - self.centres[chosen]) ** 2 * self.precision
        return np.asarray((self.weights[chosen] * loss_KP).sum(-1) + surprise_KQ.sum(-1))

    def equations(self, values_KQ: Array, chosen: Chosen) -> tuple[Array, Array]:
        """Gauss-Newton's curvature (K, Q, Q) and downhill direction (K, Q)."""
        residual_KP = self.observed[chosen] - self.function(values_KQ)
        weights_KP = self.weights[chosen]
        if self.huber is not None:
            excess_KP = self.huber / np.maximum(np.abs(residual_KP), 1e-300)
            weights_KP = weights_KP * np.minimum(1.0, excess_KP)
        jacobian_KPQ = self.jacobian(values_KQ)
        weighted_KQP = (jacobian_KPQ * weights_KP[..., None]).swapaxes(1, 2)
        downhill_KQ = (weighted_KQP @ residual_KP[..., None])[..., 0]
        downhill_KQ += (self.centres[chosen] - values_KQ) * self.precision
        return weighted_KQP @ jacobian_KPQ + np.diag(self.precision), downhill_KQ


def descend(problems: Problems, start_KQ: Array) -> tuple[Array, Array]:
    """The minimum of every problem, from its own start: values (K, Q) and costs (K,)."""
    values_KQ, damping_K = start_KQ.copy(), np.full(len(start_KQ), 1e-3)
    cost_K, active_K = problems.cost(values_KQ), np.ones(len(start_KQ), bool)
    for _ in range(_STEPS):
        chosen = np.flatnonzero(active_K)
        if not chosen.size:
            break
        curvature_KQQ, downhill_KQ = problems.equations(values_KQ[chosen], chosen)
        scale_KQ = np.einsum("kqq->kq", curvature_KQQ) + 1e-12
        curvature_KQQ += np.einsum(
            "kq,qr->kqr", damping_K[chosen, None] * scale_KQ, np.eye(scale_KQ.shape[1])
        )
        step_KQ = np.linalg.solve(curvature_KQQ, downhill_KQ[..., None])[..., 0]
        moved_KQ = np.clip(values_KQ[chosen] + step_KQ, -_LIMIT, _LIMIT)
        with np.errstate(over="ignore", invalid="ignore"):
            moved_cost_K = problems.cost(moved_KQ, chosen)
        better_K = moved_cost_K < cost_K[chosen]
        fall_K = np.where(better_K, cost_K[chosen] - moved_cost_K, np.inf)
        settled_K = fall_K < _TOLERANCE * cost_K[chosen]
        stuck_K = ~better_K & (damping_K[chosen] > 1e8)
        values_KQ[chosen[better_K]] = moved_KQ[better_K]
        cost_K[chosen[better_K]] = moved_cost_K[better_K]
        damping_K[chosen] *= np.where(better_K, 0.2, 5.0)
        active_K[chosen[settled_K | stuck_K]] = False
    return values_KQ, cost_K
