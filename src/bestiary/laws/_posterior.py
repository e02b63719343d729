"""What losses say of L(D) = a D^-B + b: draws of the law from its posterior.

With `first` and `last` the law's values at the least and the greatest ratio,

    L(D) = first z + last (1 - z),    z = (D^-B - D_last^-B) / (D_first^-B - D_last^-B),

the law is linear in two quantities that the data show, and B is the shape between them. Nothing is
assumed of these two (a flat prior), B lies in a range (`ExponentPrior`), and noise is normal:

    p(B | losses) ~ exp(-RSS(B) / 2 s^2) / sqrt(det),    (first, last) | B ~ normal,

with RSS the weighted residual sum of squares of the best law of exponent B, det the determinant of
its normal equations, and s the scale of the noise. Draws are exact: no refits, no start values.

Shape suffixes: R ratios, K draws, G exponents.
"""

import math
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from bestiary.laws._exponent import ExponentPrior
from bestiary.laws._inputs import curve_inputs
from bestiary.laws._power import Array, PowerLaw

_POINTS = 241
_ZOOMS = 12
# Exponents less likely than this share of the likeliest, six deviations away, are left out.
_NEGLIGIBLE = 1e-8
# No curve is steeper.
_STEEPEST = 20.0


class _Lines(NamedTuple):
    """The best law of every exponent: its ends, RSS, and the matrix of its normal equations."""

    first: Array
    last: Array
    squares: Array
    first_first: Array
    last_last: Array
    first_last: Array

    @property
    def determinant(self) -> Array:
        return self.first_first * self.last_last - self.first_last**2


@dataclass(frozen=True)
class CurvePosterior:
    """The posterior of one loss curve.

    Attributes:
        ratios: D, shape (R,), at least two different values.
        losses: Shape (R,).
        deviations: Standard deviation of each loss, shape (R,).
        prior: Of the exponent.

    Raises:
        UserError: one ratio only, or a number that is not finite and positive.
    """

    ratios: Array
    losses: Array
    deviations: Array
    prior: ExponentPrior = field(default_factory=ExponentPrior)

    def __post_init__(self) -> None:
        checked = curve_inputs(self.ratios, self.losses, self.deviations, needed=2)
        for name, array in zip(("ratios", "losses", "deviations"), checked, strict=True):
            object.__setattr__(self, name, array)

    def law(self) -> PowerLaw:
        """The central law: the median exponent, and the best law that has it."""
        grid_G = self._grid(1.0)
        density_G = self._density(grid_G, np.ones(1))[0]
        below_G = density_G.cumsum()
        exponent_1 = np.exp([np.interp(below_G[-1] / 2, below_G - density_G / 2, grid_G)])
        lines = self._lines(exponent_1)
        return self._law(exponent_1, lines.first, lines.last)[0]

    def draws(self, scale_K: Array, generator: np.random.Generator) -> PowerLaw:
        """K laws, one under each scale of the noise.

        Args:
            scale_K: What the deviations are multiplied by, drawn as freely as they are known.
            generator: Decides the draws.
        """
        grid_G = self._grid(float(scale_K.max()))
        below_KG = self._density(grid_G, scale_K).cumsum(axis=1)
        chance_K = generator.random(scale_K.size) * below_KG[:, -1]
        cell_K = (below_KG < chance_K[:, None]).sum(axis=1)
        jitter_K = (generator.random(scale_K.size) - 0.5) * (grid_G[1] - grid_G[0])
        exponent_K = np.exp(grid_G[cell_K] + jitter_K)
        lines = self._lines(exponent_K)
        # Cholesky's factor of the covariance, which is the inverse of the normal equations.
        one_K, other_K = generator.normal(size=(2, scale_K.size)) * scale_K
        root_K, side_K = np.sqrt(lines.determinant), np.sqrt(lines.last_last)
        first_K = lines.first + side_K / root_K * one_K
        last_K = lines.last + (other_K - lines.first_last / root_K * one_K) / side_K
        return self._law(exponent_K, first_K, last_K)

    def _grid(self, scale: float) -> Array:
        """Logs of exponents, evenly over those that are not negligible."""
        low, high = math.log(self.prior.low), math.log(self.prior.high)
        for _ in range(_ZOOMS):
            grid_G = np.linspace(low, high, _POINTS)
            kept = np.flatnonzero(self._density(grid_G, np.array([scale]))[0] > _NEGLIGIBLE)
            low, high = grid_G[max(kept[0] - 1, 0)], grid_G[min(kept[-1] + 1, _POINTS - 1)]
        return np.linspace(low, high, _POINTS)

    def _density(self, grid_G: Array, scale_K: Array) -> Array:
        """The posterior of log B over its greatest value, shape (K, G)."""
        lines = self._lines(np.exp(grid_G))
        impossible_G = np.exp(grid_G) < self._pure_exponent(lines.first, lines.last)
        impossible_G[-1] = False
        log_G = np.where(impossible_G, -np.inf, -0.5 * np.log(lines.determinant))
        log_KG = log_G - 0.5 * lines.squares / scale_K[:, None] ** 2
        return np.exp(log_KG - log_KG.max(axis=1, keepdims=True))

    def _pure_exponent(self, first: Array, last: Array) -> Array:
        """The exponent of the power law through both ends: below it the asymptote is negative."""
        fall = np.log(np.maximum(first, 1e-300)) - np.log(np.maximum(last, 1e-300))
        return np.minimum(fall / math.log(self.ratios.max() / self.ratios.min()), _STEEPEST)

    def _lines(self, exponent_G: Array) -> _Lines:
        """The best law of every exponent."""
        x_RG = self.ratios[:, None] ** -exponent_G
        x_first_G, x_last_G = x_RG[self.ratios.argmin()], x_RG[self.ratios.argmax()]
        z_RG = (x_RG - x_last_G) / (x_first_G - x_last_G)
        w_R1, loss_R1 = self.deviations[:, None] ** -2.0, self.losses[:, None]
        ff_G, ll_G = (w_R1 * z_RG**2).sum(0), (w_R1 * (1 - z_RG) ** 2).sum(0)
        fl_G = (w_R1 * z_RG * (1 - z_RG)).sum(0)
        f_G, l_G = (w_R1 * z_RG * loss_R1).sum(0), (w_R1 * (1 - z_RG) * loss_R1).sum(0)
        determinant_G = ff_G * ll_G - fl_G**2
        first_G = (ll_G * f_G - fl_G * l_G) / determinant_G
        last_G = (ff_G * l_G - fl_G * f_G) / determinant_G
        squares_G = (w_R1 * (loss_R1 - z_RG * first_G - (1 - z_RG) * last_G) ** 2).sum(0)
        return _Lines(first_G, last_G, squares_G, ff_G, ll_G, fl_G)

    def _law(self, exponent_K: Array, first_K: Array, last_K: Array) -> PowerLaw:
        """Laws by their ends; flat at the mean where they do not fall, asymptotes at least 0."""
        falls_K = first_K > last_K
        exponent_K = np.maximum(exponent_K, self._pure_exponent(first_K, last_K))
        low_K, high_K = self.ratios.max() ** -exponent_K, self.ratios.min() ** -exponent_K
        a_K = np.where(falls_K, (first_K - last_K) / (high_K - low_K), 0.0)
        b_K = np.where(falls_K, last_K - a_K * low_K, (first_K + last_K) / 2)
        return PowerLaw(a_K, exponent_K, np.maximum(b_K, 0.0))
