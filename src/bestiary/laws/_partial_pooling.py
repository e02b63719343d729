"""Variances of many cells, each shrunk towards the pool by how much its own runs say.

The log of a variance is a level, plus an effect of its optimizer, plus one of its ratio, plus
its own. Each kind of effect is normal around 0 with a spread that the cells tell themselves: where
they agree the spread is small and every cell has the pooled variance, where one optimizer is
noisier, all of its cells are. The log of a sample variance of d degrees of freedom is taken as
normal with the variance trigamma(d / 2). Spreads are averaged over a grid, by how likely each is.
Where all spreads are 0 the pooled variance itself is drawn, which all runs together tell best.

Shape suffixes: K draws, C cells, G spreads.
"""

from collections.abc import Sequence
from itertools import product

import numpy as np

from bestiary.laws._power import Array

# Spreads of the effects of optimizer, ratio and cell in logs of the variance: none, what 108
# real runs of three optimizers at three ratios showed (0.9, 1.0 and 0.5), and beyond.
_SPREADS = tuple(product((0.0, 0.5, 1.0, 2.0), (0.0, 0.5, 1.0, 2.0), (0.0, 0.4, 0.8)))
# Larger spreads are less likely beforehand, by e to the minus this much for a spread of 1.
_DOUBT = 0.0
# Of the level around the pooled variance, of which a few noisy cells may make the most.
_LEVEL = 2.0


def draw_variances(
    squares: Array,
    freedom: Array,
    effects: Sequence[Sequence[object]],
    pooled: Array,
    generator: np.random.Generator,
) -> Array:
    """Draws of the variance of every cell, shape (K, C).

    Args:
        squares: Sum of squares of every cell, shape (C,).
        freedom: Its degrees of freedom, 0 where it has none, shape (C,).
        effects: For each kind of effect, the group of every cell: its optimizer, its ratio.
        pooled: Draws of the pooled variance, shape (K,): the level that all cells have if alike.
        generator: Decides the draws.
    """
    from scipy.special import digamma, polygamma

    known_C = (freedom > 0) & (squares > 0)
    half_C = np.maximum(freedom[known_C], 0.5) / 2
    level = float(np.log(np.median(pooled)))
    seen_C = np.log(squares[known_C] / (2 * half_C)) - digamma(half_C) + np.log(half_C) - level
    noise_C = polygamma(1, half_C)
    parts = [_alike(group) for group in effects]
    found, weights = [], []
    for spreads in _SPREADS:
        prior_CC = _LEVEL**2 * np.ones((freedom.size, freedom.size)) + 1e-6 * np.eye(freedom.size)
        for spread, part_CC in zip(spreads, (*parts, np.eye(freedom.size)), strict=True):
            prior_CC = prior_CC + spread**2 * part_CC
        within = prior_CC[np.ix_(known_C, known_C)] + np.diag(noise_C)
        gain = np.linalg.solve(within, prior_CC[known_C]).T
        mean_C, left_CC = gain @ seen_C, prior_CC - gain @ prior_CC[known_C]
        _, log_determinant = np.linalg.slogdet(within)
        fit = float(seen_C @ np.linalg.solve(within, seen_C))
        found.append((mean_C, left_CC))
        weights.append(-0.5 * (log_determinant + fit) - _DOUBT * sum(spreads))
    return _drawn(found, np.array(weights), pooled, generator)


def _alike(group: Sequence[object]) -> Array:
    """1 where two cells are of one group, 0 elsewhere; shape (C, C)."""
    _, index_C = np.unique([str(one) for one in group], return_inverse=True)
    return np.asarray(index_C[:, None] == index_C, float)


def _drawn(
    found: Sequence[tuple[Array, Array]],
    log_weights_G: Array,
    pooled_K: Array,
    generator: np.random.Generator,
) -> Array:
    """Variances under spreads drawn by their weights."""
    weights_G = np.exp(log_weights_G - log_weights_G.max())
    chosen_K = generator.choice(weights_G.size, pooled_K.size, p=weights_G / weights_G.sum())
    normal_KC = generator.normal(size=(pooled_K.size, found[0][0].size))
    variance_KC = np.tile(pooled_K[:, None], (1, normal_KC.shape[1]))
    for spread in np.unique(chosen_K[chosen_K > 0]):
        mean_C, left_CC = found[spread]
        # Rounding can make a variance of nothing slightly negative.
        value_C, vector_CC = np.linalg.eigh(left_CC)
        root_CC = vector_CC * np.sqrt(np.maximum(value_C, 0.0))
        drawn_K = chosen_K == spread
        log_KC = mean_C + normal_KC[drawn_K] @ root_CC.T
        variance_KC[drawn_K] = np.median(pooled_K) * np.exp(log_KC)
    return variance_KC
