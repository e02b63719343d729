"""The loss from the last activations."""

import jax
import jax.numpy as jnp


def cross_entropy(x_ND: jax.Array, head_DV: jax.Array, targets_N: jax.Array) -> jax.Array:
    """Mean over tokens of `logsumexp(x W) - (x W)[target]`, in nats, from float32 logits."""
    logits_NV = jnp.dot(x_ND, head_DV, preferred_element_type=jnp.float32)
    chosen_N = jnp.take_along_axis(logits_NV, targets_N[:, None], axis=-1)[:, 0]
    return jnp.mean(jax.nn.logsumexp(logits_NV, axis=-1) - chosen_N)
