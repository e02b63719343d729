"""Statistics of one layer's tensor, although the layers of a model are stacked in one array."""

import jax.numpy as jnp
from jax import Array

from bestiary.specs import Label


def as_one_tensor(label: Label) -> Label:
    """The label of the same parameter as if all its layers were one."""
    return Label(role=label.role, kind=label.kind)


def layer_axes(leaf: Array, label: Label) -> tuple[int, ...]:
    """The axes of one layer's tensor: all but the leading layer axis where there is one."""
    return tuple(range(1 if label.layers else 0, leaf.ndim))


def layer_mean(leaf: Array, label: Label) -> Array:
    """The mean over each layer's tensor, with axes of length 1 so that it broadcasts."""
    return jnp.mean(leaf, axis=layer_axes(leaf, label), keepdims=True)


def layer_norm(leaf: Array, label: Label) -> Array:
    """The Frobenius norm of each layer's tensor, with axes of length 1."""
    return jnp.sqrt(jnp.sum(leaf**2, axis=layer_axes(leaf, label), keepdims=True))
