"""Seed noise as two variances: what a seed does to every optimizer alike, and what to one alone.

In a cell, loss(optimizer, seed) = mean(optimizer) + shared(seed) + own(optimizer, seed). The
variances are estimated by Henderson's method III (fitting constants), which allows missing runs:
sums of squares and degrees of freedom add up over cells, so two or three seeds a cell are enough
once a few cells are pooled.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bestiary.laws._power import Array

# Losses are float32: no deviation between them is known to be smaller, in nats.
RESOLUTION = 1e-6


@dataclass(frozen=True)
class Noise:
    """Pooled sums of squares of seed noise, in nats squared.

    Attributes:
        own_squares: Sum of squares of own noise, expectation `own_freedom` x own variance.
        own_freedom: Its degrees of freedom; 0 where nothing was measured.
        shared_squares: Sum of squares between seeds, expectation `shared_freedom` x own variance
            + `shared_weight` x shared variance.
        shared_freedom: Its degrees of freedom.
        shared_weight: How strongly the shared variance enters.
    """

    own_squares: float = 0.0
    own_freedom: int = 0
    shared_squares: float = 0.0
    shared_freedom: int = 0
    shared_weight: float = 0.0

    @property
    def own(self) -> float:
        """Standard deviation of own noise; 0 where nothing was measured."""
        if not self.own_freedom:
            return 0.0
        return math.sqrt(max(0.0, self.own_squares) / self.own_freedom)

    @property
    def shared(self) -> float:
        """Standard deviation of shared noise, at least 0."""
        if not self.shared_weight:
            return 0.0
        excess = self.shared_squares - self.shared_freedom * self.own**2
        return math.sqrt(max(0.0, excess / self.shared_weight))

    @property
    def total(self) -> float:
        """Standard deviation between seeds of one optimizer."""
        return math.hypot(self.own, self.shared)

    def draws(self, generator: np.random.Generator, count: int) -> tuple[Array, Array]:
        """Own and shared deviations, drawn as freely as their degrees of freedom demand.

        Each sum of squares over a chi-squared draw: averaging over these turns normal intervals
        into the wider t intervals that few seeds deserve.
        """
        own_K = self.own_squares / generator.chisquare(self.own_freedom, count)
        if not self.shared_freedom:
            return np.sqrt(own_K), np.zeros(count)
        between_K = self.shared_squares / generator.chisquare(self.shared_freedom, count)
        excess_K = (between_K - own_K) * self.shared_freedom / self.shared_weight
        return np.sqrt(own_K), np.sqrt(np.maximum(excess_K, 0.0))


def pooled(parts: Iterable[Noise]) -> Noise:
    """The noise of several cells taken together."""
    parts = list(parts)
    return Noise(
        own_squares=sum(part.own_squares for part in parts),
        own_freedom=sum(part.own_freedom for part in parts),
        shared_squares=sum(part.shared_squares for part in parts),
        shared_freedom=sum(part.shared_freedom for part in parts),
        shared_weight=sum(part.shared_weight for part in parts),
    )


def cell_noise(values: ArrayLike, groups: ArrayLike, seeds: ArrayLike) -> Noise:
    """The noise of one cell.

    Args:
        values: Loss of each run, in nats.
        groups: Which optimizer each belongs to.
        seeds: Which seed each belongs to.

    Returns:
        Sums of squares. Where one optimizer alone has several seeds the two kinds cannot be told
        apart, and all of it counts as own.
    """
    values_N = np.asarray(values, float)
    groups_NG, seeds_NS = _indicators(groups), _indicators(seeds)
    without_seeds, freedom_without = _residual(values_N, groups_NG)
    with_seeds, freedom_with = _residual(values_N, np.hstack([groups_NG, seeds_NS]))
    if not freedom_with:
        return Noise(own_squares=without_seeds, own_freedom=freedom_without)
    centred_NS = seeds_NS - groups_NG @ np.linalg.lstsq(groups_NG, seeds_NS, rcond=None)[0]
    return Noise(
        own_squares=with_seeds,
        own_freedom=freedom_with,
        shared_squares=max(0.0, without_seeds - with_seeds),
        shared_freedom=freedom_without - freedom_with,
        shared_weight=float((centred_NS**2).sum()),
    )


def _indicators(labels: ArrayLike) -> Array:
    """One 0/1 column per different label."""
    _, index_N = np.unique(np.asarray(labels), return_inverse=True)
    return np.eye(int(index_N.max()) + 1)[index_N]


def _residual(values_N: Array, design_NP: Array) -> tuple[float, int]:
    """Residual sum of squares and degrees of freedom of a linear fit."""
    solution_P, _, rank, _ = np.linalg.lstsq(design_NP, values_N, rcond=None)
    residual_N = values_N - design_NP @ solution_P
    return float(residual_N @ residual_N), len(values_N) - int(rank)
