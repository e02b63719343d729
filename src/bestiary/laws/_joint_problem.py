"""A joint law's fit as a least-squares problem, and what its residuals say.

Shape suffixes: K problems, P points, Q parameters, S starts, C cells.
"""

import math
from dataclasses import dataclass
from itertools import product

import numpy as np

from bestiary.laws._descent import Problems
from bestiary.laws._joint_data import JointData, JointPrior
from bestiary.laws._joint_terms import JointForm
from bestiary.laws._noise import RESOLUTION, Noise
from bestiary.laws._power import Array

# Share of the lowest loss that is E, alpha, beta.
STARTS = tuple(product((0.3, 0.6, 0.85), (0.12, 0.3, 0.7), (0.2, 0.45, 0.9)))


@dataclass(frozen=True)
class Scatter:
    """How losses scatter around a law.

    Attributes:
        noise: Standard deviation of each loss by its seeds, in nats, shape (P,).
        residuals: What the residuals show: a part of each loss alone, and one of a whole cell.
    """

    noise: Array
    residuals: Noise

    @property
    def own(self) -> Array:
        """Standard deviation of each loss alone, at least that of its seeds; shape (P,)."""
        return self._own(np.array([self.residuals.own]))[0]

    @property
    def shared(self) -> float:
        """Standard deviation of all optimizers of a cell together, in nats."""
        return self.residuals.shared

    @property
    def total(self) -> Array:
        """Of each loss, shape (P,)."""
        return np.hypot(self.own, self.shared)

    def draws(self, generator: np.random.Generator, count: int) -> tuple[Array, Array]:
        """`own` (K, P) and `shared` (K, 1), drawn as freely as the residuals leave them."""
        own_K, shared_K = self.residuals.draws(generator, count)
        return self._own(own_K), shared_K[:, None]

    def _own(self, own_K: Array) -> Array:
        """What residuals show beyond the mean seed noise, on top of that of each loss."""
        excess_K = np.maximum(own_K**2 - np.mean(self.noise**2), 0.0)
        return np.sqrt(np.maximum(self.noise**2 + excess_K[:, None], RESOLUTION**2))


class JointProblem:
    """A form on given data under a prior."""

    def __init__(
        self, data: JointData, form: JointForm, prior: JointPrior, huber: float | None
    ) -> None:
        self.data, self.huber = data, huber
        self.losses = np.asarray(data.losses)
        self.terms = data.terms(form)
        names = form.names(data.optimizers)
        self.centres, self.spreads = prior.of(names, float(self.losses.min()))

    def starts(self) -> Array:
        """Shares of the loss that are E, and both exponents, on a grid; the rest as the prior."""
        starts_SQ = np.tile(self.centres, (len(STARTS), 1))
        share_S, alpha_S, beta_S = np.array(STARTS).T
        lowest, middle = float(self.losses.min()), float(np.median(self.losses))
        starts_SQ[:, 0] = np.log(share_S * lowest)
        starts_SQ[:, 1] = starts_SQ[:, 2] = np.log((middle - share_S * lowest) / 2)
        starts_SQ[:, 3], starts_SQ[:, 4] = np.log(alpha_S), np.log(beta_S)
        return starts_SQ

    def batch(
        self,
        deviations_P: Array,
        start_KQ: Array,
        *,
        losses_KP: Array | None = None,
        centres_KQ: Array | None = None,
        kept_KP: Array | None = None,
    ) -> tuple[Problems, Array]:
        """What `descend` needs for K problems; all of the data for each where nothing is given."""
        count, points = len(start_KQ), len(self.losses)
        kept_KP = np.ones((count, points)) if kept_KP is None else kept_KP
        losses_KP = np.tile(self.losses, (count, 1)) if losses_KP is None else losses_KP
        centres_KQ = np.tile(self.centres, (count, 1)) if centres_KQ is None else centres_KQ
        problems = Problems(
            function=self.terms.loss,
            jacobian=self.terms.jacobian,
            observed=losses_KP,
            weights=kept_KP / deviations_P**2,
            centres=centres_KQ,
            precision=self.spreads**-2.0,
            huber=self.huber,
        )
        return problems, start_KQ

    def residuals(self, values_Q: Array) -> Array:
        """Observed less fitted losses, shape (P,)."""
        return self.losses - self.terms.loss(values_Q[None])[0]

    def scatter(self, values_Q: Array, deviations_P: Array) -> Scatter:
        """Residuals within and between cells, less the freedom that the fit took from each."""
        jacobian_PQ = self.terms.jacobian(values_Q[None])[0] / deviations_P[:, None]
        posterior_QQ = jacobian_PQ.T @ jacobian_PQ + np.diag(self.spreads**-2.0)
        hat_PP = jacobian_PQ @ np.linalg.solve(posterior_QQ, jacobian_PQ.T)
        cell_CP = np.eye(max(self.data.cells) + 1)[:, self.data.cells]
        members_C = cell_CP.sum(1)
        residuals_P = self.residuals(values_Q)
        total = float(residuals_P @ residuals_P)
        between = float(((cell_CP @ residuals_P) ** 2 / members_C).sum())
        spent_between = float((np.diag(cell_CP @ hat_PP @ cell_CP.T) / members_C).sum())
        spent_within = float(np.trace(hat_PP)) - spent_between
        points, cells = len(residuals_P), len(members_C)
        if points == cells:
            found = Noise(total, max(round(points - spent_between), 1))
        else:
            freedom = max(round(cells - spent_between), 1)
            found = Noise(
                own_squares=total - between,
                own_freedom=max(round(points - cells - spent_within), 1),
                shared_squares=between,
                shared_freedom=freedom,
                shared_weight=freedom * points / cells,
            )
        return Scatter(np.asarray(self.data.deviations), found)

    def criterion(self, values_Q: Array) -> float:
        """AICc of a normal scatter: the stated noise, and one deviation for what a law misses."""
        residuals_P, noise_P = self.residuals(values_Q), np.asarray(self.data.deviations)
        missed = max(0.0, float(np.mean(residuals_P**2) - np.mean(noise_P**2)))
        variance_P = np.maximum(noise_P**2 + missed, 1e-12)
        twice = float((np.log(2 * math.pi * variance_P) + residuals_P**2 / variance_P).sum())
        count, points = len(values_Q) + 1, len(residuals_P)
        if points <= count + 1:
            return math.inf
        return twice + 2 * count + 2 * count * (count + 1) / (points - count - 1)

    def covariance(
        self, values_Q: Array, deviations_P: Array, kept_P: Array | None = None
    ) -> Array:
        """Of the values, linearised, the prior included; from the points kept; shape (Q, Q)."""
        jacobian_PQ = self.terms.jacobian(values_Q[None])[0] / deviations_P[:, None]
        if kept_P is not None:
            jacobian_PQ = jacobian_PQ * kept_P[:, None]
        posterior_QQ = jacobian_PQ.T @ jacobian_PQ + np.diag(self.spreads**-2.0)
        return np.asarray(np.linalg.inv(posterior_QQ))

    def conditioning(self, values_Q: Array, deviations_P: Array) -> tuple[Array, Array, float]:
        """Standard errors and correlations with the prior, the condition number without."""
        jacobian_PQ = self.terms.jacobian(values_Q[None])[0] / deviations_P[:, None]
        covariance_QQ = self.covariance(values_Q, deviations_P)
        errors_Q = np.sqrt(np.diag(covariance_QQ))
        lengths_Q = np.linalg.norm(jacobian_PQ, axis=0)
        condition = math.inf
        if (lengths_Q > 0).all() and len(jacobian_PQ) >= len(lengths_Q):
            singular_Q = np.linalg.svd(jacobian_PQ / lengths_Q, compute_uv=False)
            if singular_Q[-1] > 1e-12 * singular_Q[0]:
                condition = float(singular_Q[0] / singular_Q[-1])
        return errors_Q, covariance_QQ / np.outer(errors_Q, errors_Q), condition
