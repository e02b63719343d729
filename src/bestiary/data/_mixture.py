"""Mixtures by integer quotas: every block of 2048 sequences holds the same number of each source.

Within a block the sources are interleaved as evenly as they can be, so a batch follows the weights
too. Which sequence stands at a position is a pure function of the position.
"""

from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from bestiary.errors import UserError

BLOCK = 2048


def quotas(weights: Sequence[float]) -> tuple[int, ...]:
    """Sequences of each source in a block: weights times 2048, rounded by largest remainder.

    Raises:
        UserError: a weight that is not positive and finite, or too small to be read at all.
    """
    for weight in weights:
        if not (np.isfinite(weight) and weight > 0):
            raise UserError(f"mixture weights must be positive and finite, got {weight}")
    exact = np.array(weights, np.float64) / max(weights)
    exact *= BLOCK / exact.sum()
    whole = np.floor(exact).astype(np.int64)
    missing = BLOCK - int(whole.sum())
    whole[np.argsort(whole - exact, kind="stable")[:missing]] += 1
    if (whole == 0).any():
        smallest = weights[int(np.argmin(whole))]
        raise UserError(
            f"a source must be at least 1 of {BLOCK} sequences of the mixture, "
            f"but weight {smallest:g} of {sum(weights):g} is less; raise it or leave it out"
        )
    return tuple(map(int, whole))


@lru_cache(maxsize=64)
def interleaved(quota: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """For every slot of a block: its source, and its rank among the slots of that source.

    The sequence of rank r of a source with quota q wants to stand at (r + 1/2) / q of the block.
    """
    source = np.repeat(np.arange(len(quota)), quota)
    rank = np.concatenate([np.arange(count) for count in quota])
    wanted = (rank + 0.5) / np.array(quota)[source]
    order = np.argsort(wanted, kind="stable")
    return source[order], rank[order]


def locate(position_N: np.ndarray, quota: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """The source of every position of the mixture, and its running index within that source."""
    source_S, rank_S = interleaved(quota)
    block_N, slot_N = np.divmod(position_N, BLOCK)
    source_N = source_S[slot_N]
    return source_N, block_N * np.array(quota)[source_N] + rank_S[slot_N]
