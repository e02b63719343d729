"""Rotary positions and causal attention, in chunks of queries, with a hand-written gradient.

Shapes: B sequences, T positions, H query heads, G key-value heads, R = H / G, K head width,
Q queries of one chunk, S keys that chunk can see.
"""

import math

import jax
import jax.numpy as jnp
import numpy as np

from bestiary.specs import ModelSpec


def rotary(spec: ModelSpec, positions: int) -> tuple[np.ndarray, np.ndarray]:
    """The cosines and sines of rotary positions, each (positions, head_dim / 2), float32.

    Frequency i is `theta ** (-2 i / head_dim)`. Source: RoFormer, arXiv 2104.09864.
    """
    exponents = np.arange(0, spec.head_dim, 2, dtype=np.float32) / np.float32(spec.head_dim)
    frequencies = 1.0 / (np.float32(spec.rope_theta) ** exponents)
    angles = np.arange(positions, dtype=np.float32)[:, None] * frequencies[None, :]
    return np.cos(angles), np.sin(angles)


def rotate(x_BTHK: jax.Array, cos_TK: np.ndarray, sin_TK: np.ndarray) -> jax.Array:
    """Turn each pair (x_i, x_{i + K/2}) by the angle of its position and frequency.

    This is the half-rotation of Hugging Face, so that weights are exchanged unchanged.
    """
    first, second = jnp.split(x_BTHK, 2, axis=-1)
    cos = jnp.asarray(cos_TK, x_BTHK.dtype)[None, :, None, :]
    sin = jnp.asarray(sin_TK, x_BTHK.dtype)[None, :, None, :]
    return jnp.concatenate([first * cos - second * sin, second * cos + first * sin], axis=-1)


def causal_attention(q_BTHK: jax.Array, k_BTGK: jax.Array, v_BTGK: jax.Array) -> jax.Array:
    """Softmax attention over each position's past and itself.

        o_t = sum_{s <= t} softmax_s(q_t . k_s / sqrt(K)) v_s

    Scores and softmax are float32 whatever the inputs are.

    Returns:
        (B, T, H, K) in the type of `q_BTHK`.
    """
    B, T, H, K = q_BTHK.shape
    G = k_BTGK.shape[2]
    q = q_BTHK.reshape(B, T, G, H // G, K)
    scores = jnp.einsum("btgrk,bsgk->bgrts", q, k_BTGK, preferred_element_type=jnp.float32)
    mask = np.tril(np.ones((T, T), bool))
    scores = jnp.where(mask[None, None, None], scores / math.sqrt(K), -jnp.inf)
    weights = jax.nn.softmax(scores).astype(q.dtype)
    return jnp.einsum("bgrts,bsgk->btgrk", weights, v_BTGK).reshape(B, T, H, K)
