"""Rotary positions, in the half-rotation of Hugging Face, so weights are exchanged unchanged."""

import jax
import jax.numpy as jnp
import numpy as np

from bestiary.specs import ModelSpec

Rotation = tuple[np.ndarray, np.ndarray]


def rotation(spec: ModelSpec, positions: int) -> Rotation:
    """The cosines and sines of rotary positions, each (positions, head_dim / 2), float32.

    Frequency i is `theta ** (-2 i / head_dim)`. Source: RoFormer, arXiv 2104.09864.
    """
    exponents = np.arange(0, spec.head_dim, 2, dtype=np.float32) / np.float32(spec.head_dim)
    frequencies = np.float32(1) / np.float32(spec.rope_theta) ** exponents
    angles = np.arange(positions, dtype=np.float32)[:, None] * frequencies[None, :]
    return np.cos(angles), np.sin(angles)


def rotate(x_BTHK: jax.Array, by: Rotation) -> jax.Array:
    """Turn each pair (x_i, x_{i + K/2}) by the angle of its position and frequency."""
    cos_T1K, sin_T1K = (jnp.asarray(table, x_BTHK.dtype)[None, :, None, :] for table in by)
    first, second = jnp.split(x_BTHK, 2, axis=-1)
    turned = (first * cos_T1K - second * sin_T1K, second * cos_T1K + first * sin_T1K)
    return jnp.concatenate(turned, axis=-1)
