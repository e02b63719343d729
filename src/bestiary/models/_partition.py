"""How parameters and activations are divided over a mesh of devices.

The mesh is the one that a program is traced under (`jax.set_mesh`), with the axes of a `Placement`;
under any other, and under none, nothing here does anything. A side that an axis does not divide
stays whole: the numbers are the same, it takes more memory.
"""

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
from jax.sharding import PartitionSpec

from bestiary.models._init import init
from bestiary.models._labels import labels
from bestiary.specs import ONE_DEVICE, Label, ModelSpec, Placement

_AXES = Placement.__struct_fields__
_BATCH = ("data", "shard")
# Matrices of which the axis `model` divides the rows, and not the columns: what stands before them
# is divided already, so that the two products need one sum over devices.
_BY_ROWS = ("o", "down", "embedding")


def ambient_placement() -> Placement:
    """The placement of the mesh that is traced under; that of one device where there is none."""
    mesh = jax.sharding.get_abstract_mesh()
    return Placement(**dict(mesh.shape)) if mesh.axis_names == _AXES else ONE_DEVICE


@lru_cache(maxsize=16)
def partition(spec: ModelSpec, placement: Placement) -> Any:
    """How every parameter of `init(spec, key)` is divided; a tree of the same structure.

    The axis `model` divides heads, the width of the MLP and the vocabulary. The axis `shard`
    divides the other side of each matrix, or else any that it divides; norms are whole.

    Args:
        spec: The shape of the model.
        placement: The mesh.
    """
    shapes = jax.eval_shape(lambda: init(spec, jax.random.key(0)))
    named, structure = jax.tree.flatten(labels(spec), is_leaf=_is_label)
    leaves = jax.tree.leaves(shapes)
    divided = [_divided(*pair, placement) for pair in zip(named, leaves, strict=True)]
    return jax.tree.unflatten(structure, divided)


def over_batch(x: jax.Array) -> jax.Array:
    """Activations or tokens, their first axis divided over the devices that divide the batch."""
    if ambient_placement().alone:
        return x
    return jax.lax.with_sharding_constraint(x, PartitionSpec(_BATCH))


def looked_up(table_VD: jax.Array, spec: ModelSpec) -> jax.Array:
    """The embedding with whole rows on every device, as a token's is read."""
    placement = ambient_placement()
    if placement.alone:
        return table_VD
    rows = partition(spec, placement)["embedding"][0]
    rows = rows if rows == "model" else None
    return jax.lax.with_sharding_constraint(table_VD, PartitionSpec(rows))


def divided_layer(layer: dict[str, jax.Array], spec: ModelSpec) -> dict[str, jax.Array]:
    """The parameters of one layer as they are stored, and so their gradients, summed at once."""
    placement = ambient_placement()
    if placement.alone:
        return layer
    stacked = partition(spec, placement)["layers"]
    return {
        name: jax.lax.with_sharding_constraint(leaf, PartitionSpec(*stacked[name][1:]))
        for name, leaf in layer.items()
    }


def each_part(
    function: Callable[..., jax.Array], rows: tuple[jax.Array, ...], whole: jax.Array
) -> jax.Array:
    """The sum over the parts of a batch of a scalar function of `(whole, *rows)`.

    Every device computes on its own rows alone, whatever loop is inside, and there is one sum at
    the end: the partitioner alone would put a sum into every pass of the loop.

    Args:
        function: Of `whole` and the rows of one part.
        rows: Arrays whose first axis is divided.
        whole: What every part reads.
    """
    if ambient_placement().alone:
        return function(whole, *rows)

    def part(whole: jax.Array, *rows: jax.Array) -> jax.Array:
        return jax.lax.psum(function(whole, *rows), _BATCH)

    mapped = jax.shard_map(
        part,
        in_specs=(PartitionSpec(), *(PartitionSpec(_BATCH) for _ in rows)),
        out_specs=PartitionSpec(),
        axis_names=set(_BATCH),
        check_vma=False,
    )
    return mapped(whole, *rows)


def over_heads(
    compute: Callable[..., jax.Array], q_BTHK: jax.Array, k_BTGK: jax.Array, v_BTGK: jax.Array
) -> jax.Array:
    """Attention in which every device computes its own sequences, and its heads where it can.

    Args:
        compute: Of queries, keys and values, with no collective.
        q_BTHK: Queries.
        k_BTGK: Keys; their heads are divided where the axis `model` divides them.
        v_BTGK: Values.
    """
    placement = ambient_placement()
    if placement.alone:
        return compute(q_BTHK, k_BTGK, v_BTGK)
    heads = "model" if k_BTGK.shape[2] % placement.model == 0 else None
    lying = PartitionSpec(_BATCH, None, heads, None)
    mapped = jax.shard_map(compute, in_specs=(lying,) * 3, out_specs=lying, check_vma=False)
    return mapped(q_BTHK, k_BTGK, v_BTGK)


def _is_label(node: Any) -> bool:
    return isinstance(node, Label)


def _divided(label: Label, leaf: Any, placement: Placement) -> PartitionSpec:
    """The axes of one parameter: by name where one divides it, else None."""
    sides: list[str | None] = [None] * len(leaf.shape)
    if label.role == "vector":
        return PartitionSpec(*sides)
    rows, columns = len(sides) - 2, len(sides) - 1
    first = rows if label.kind in _BY_ROWS else columns
    if placement.model > 1 and leaf.shape[first] % placement.model == 0:
        sides[first] = "model"
    # Square matrices all alike where they can be, so that optimizers stack them as they lie.
    other = rows if label.kind == "o" else rows + columns - first
    for side in (other, rows + columns - other):
        free = sides[side] is None and leaf.shape[side] % placement.shard == 0
        if placement.shard > 1 and free:
            sides[side] = "shard"
            break
    return PartitionSpec(*sides)
