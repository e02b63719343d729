"""Initial parameters, as the study drew them."""

import math
from typing import Any

import jax
import jax.numpy as jnp

from bestiary.specs import ModelSpec

Params = dict[str, Any]


def init(spec: ModelSpec, key: jax.Array) -> Params:
    """Draw the initial parameters of a model.

    Every matrix is a normal truncated at +-3 sigma, times `1 / sqrt(fan_in)`; the embedding is the
    same times `1 / hidden`; norms are 1. The truncated normal is not rescaled to unit variance
    (its standard deviation is 0.9866), because haliax, which the study used, does not rescale it.
    A tied model has no `head`.

    Args:
        spec: The shape of the model.
        key: A JAX random key; equal keys give equal bits.

    Returns:
        `{"embedding": (V, D), "layers": {"attention_norm": (L, D), "q": (L, D, H K), "k", "v",
        "o": (L, H K, D), "mlp_norm", "gate": (L, D, F), "up", "down": (L, F, D)},
        "final_norm": (D,), "head": (D, V)}`, all float32.

    Source: haliax `nn/linear.py` and `nn/embedding.py`; arXiv 2509.02046.
    """
    layer_keys = jax.random.split(jax.random.fold_in(key, 0), len(_matrices(spec)))
    matrices = {
        name: _truncated_normal(one, (spec.layers, *shape), 1 / math.sqrt(shape[0]))
        for one, (name, shape) in zip(layer_keys, _matrices(spec).items(), strict=True)
    }
    norms = {name: jnp.ones((spec.layers, spec.hidden)) for name in ("attention_norm", "mlp_norm")}
    table = (spec.vocabulary, spec.hidden)
    params = {
        "embedding": _truncated_normal(jax.random.fold_in(key, 1), table, 1 / spec.hidden),
        "layers": matrices | norms,
        "final_norm": jnp.ones(spec.hidden),
    }
    if spec.tied:
        return params
    scale = 1 / math.sqrt(spec.hidden)
    return params | {"head": _truncated_normal(jax.random.fold_in(key, 2), table[::-1], scale)}


def _matrices(spec: ModelSpec) -> dict[str, tuple[int, int]]:
    """The (fan_in, fan_out) of each matrix of a layer."""
    hidden, intermediate = spec.hidden, spec.intermediate
    key_value = spec.key_value_heads * spec.head_dim
    return {
        "q": (hidden, hidden),
        "k": (hidden, key_value),
        "v": (hidden, key_value),
        "o": (hidden, hidden),
        "gate": (hidden, intermediate),
        "up": (hidden, intermediate),
        "down": (intermediate, hidden),
    }


def _truncated_normal(key: jax.Array, shape: tuple[int, ...], scale: float) -> jax.Array:
    return jax.random.truncated_normal(key, -3, 3, shape, jnp.float32) * scale
