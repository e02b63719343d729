"""Refresh a part of every batch at each step, instead of all of it every few steps.

Steps then cost the same, without a spike at every refresh. Of G blocks, ceil(G / frequency) take
their turn; over `frequency` steps each has had one.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

# By name, a tree of arrays (G, ...) with None where there is none.
Batched = dict[str, Any]


def in_turns(
    refresh: Callable[..., tuple[Batched, ...]],
    before: tuple[Batched, ...],
    given: tuple[Batched, ...],
    *,
    time: Array,
    frequency: int,
) -> tuple[Batched, ...]:
    """Refresh those blocks whose turn it is.

    Args:
        refresh: From `*given, *before`, of some of the blocks, to what replaces `before` there.
        before: What is refreshed.
        given: What it is refreshed from; numpy arrays that are all zero stay numpy arrays.
        time: Decides whose turn it is.
        frequency: Steps after which all have had their turn.
    """
    sizes = {name: len(jax.tree.leaves(tree)[0]) for name, tree in before[-1].items()}
    turns = {name: _Turn(size, time % frequency, frequency) for name, size in sizes.items()}

    def part(batched: Batched) -> Batched:
        return {name: jax.tree.map(turns[name].take, tree) for name, tree in batched.items()}

    after = refresh(*map(part, given), *map(part, before))
    return tuple(
        {name: jax.tree.map(turns[name].put, old[name], new[name]) for name in old}
        for old, new in zip(before, after, strict=True)
    )


class _Turn:
    """Which of the blocks: as many at every step, the last ones again if they do not divide."""

    def __init__(self, size: int, turn: Array, turns: int) -> None:
        self._count = -(-size // turns)
        due = turn * self._count
        self._begin = jnp.minimum(due, size - self._count)
        self._is_due = self._begin + jnp.arange(self._count) >= due

    def take(self, x: Any) -> Any:
        if isinstance(x, np.ndarray) and not x.any():
            return x[: self._count]
        return jax.lax.dynamic_slice_in_dim(jnp.asarray(x), self._begin, self._count)

    def put(self, old: Array, new: Array) -> Array:
        due = self._is_due.reshape(-1, *(1,) * (old.ndim - 1))
        kept = jnp.where(due, new, self.take(old))
        return jax.lax.dynamic_update_slice_in_dim(old, kept, self._begin, axis=0)
