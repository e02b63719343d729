"""Whole matrices to every device: what works on batches of blocks, over a mesh of devices.

Under a mesh (`jax.set_mesh`) with the axes of a `Placement`, blocks (G, M, N) are divided along G
over all devices: one reshard on the way in, one on the way out, and no collective in between,
whatever loops and factorizations there are. Plain partitioning of the same program puts collectives
into every iteration. Without a mesh nothing here does anything.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import PartitionSpec

from bestiary.specs import Placement

_AXES = Placement.__struct_fields__
T = TypeVar("T")


def each_its_own(function: Callable[..., T], *trees: Any) -> T:
    """Apply a function to batches of blocks, each device to its own share of every batch.

    Args:
        function: Of `trees`, to a tree of arrays (G, ...); blocks never influence one another. It
            may close over scalars.
        trees: Trees of arrays (G, ...); numpy arrays that are all zero stay numpy arrays.
    """
    devices = _devices()
    if devices == 1:
        return function(*trees)
    leaves, structure = jax.tree.flatten(trees)
    zeros = [isinstance(leaf, np.ndarray) and not leaf.any() for leaf in leaves]
    shares = [-(-len(leaf) // devices) for leaf in leaves]
    outputs = jax.eval_shape(lambda: function(*trees))

    def part(divided: list[jax.Array]) -> T:
        rows = iter(divided)
        own = [
            leaf[:1].repeat(share, axis=0) if zero else next(rows)
            for leaf, share, zero in zip(leaves, shares, zeros, strict=True)
        ]
        return function(*jax.tree.unflatten(structure, own))

    mapped = jax.shard_map(
        part, in_specs=PartitionSpec(_AXES), out_specs=PartitionSpec(_AXES), check_vma=False
    )
    given = [
        _taken(jnp.asarray(leaf), share * devices)
        for leaf, share, zero in zip(leaves, shares, zeros, strict=True)
        if not zero
    ]
    return jax.tree.map(lambda whole, like: _given_back(whole, len(like)), mapped(given), outputs)


def undivided(x: jax.Array) -> jax.Array:
    """A batch as parameters lie, whole along G: what joins and cuts batches is local so."""
    return _along_blocks(x, ()) if _devices() > 1 else x


def along_shards(x: jax.Array, axis: int) -> jax.Array:
    """An array that the axis `shard` of the mesh divides along one of its own, and along no other.

    Where `shard` does not divide that, or `model` divides matrices too, it stays as it is.
    """
    mesh = jax.sharding.get_abstract_mesh()
    sizes = dict(mesh.shape) if mesh.axis_names == _AXES else {"shard": 1}
    if sizes["shard"] == 1 or sizes["model"] > 1 or x.shape[axis] % sizes["shard"]:
        return x
    sides: list[str | None] = [None] * x.ndim
    sides[axis] = "shard"
    return jax.lax.with_sharding_constraint(x, PartitionSpec(*sides))


def _devices() -> int:
    mesh = jax.sharding.get_abstract_mesh()
    return math.prod(mesh.axis_sizes) if mesh.axis_names == _AXES else 1


def _taken(x: jax.Array, rows: int) -> jax.Array:
    """The batch, its last block repeated up to `rows`, divided along G axis by axis of the mesh.

    One axis at a time is an exchange between its devices; of all at once the partitioner makes a
    copy on every device.
    """
    if len(x) < rows:
        x = undivided(jnp.pad(x, [(0, rows - len(x))] + [(0, 0)] * (x.ndim - 1), mode="edge"))
    for count in range(1, len(_used_axes())):
        x = _along_blocks(x, _used_axes()[:count])
    return x


def _given_back(x: jax.Array, rows: int) -> jax.Array:
    """The inverse of `_taken`, where there are blocks to drop."""
    if len(x) == rows:
        return x
    for count in reversed(range(len(_used_axes()))):
        x = _along_blocks(x, _used_axes()[:count])
    return x[:rows]


def _used_axes() -> tuple[str, ...]:
    mesh = jax.sharding.get_abstract_mesh()
    return tuple(name for name, size in mesh.shape.items() if size > 1)


def _along_blocks(x: jax.Array, axes: tuple[str, ...]) -> jax.Array:
    """The batch divided along G by some axes, and along M and N as it comes."""
    spec = PartitionSpec(axes or None, *(PartitionSpec.UNCONSTRAINED,) * (x.ndim - 1))
    return jax.lax.with_sharding_constraint(x, spec)
