"""The loss from the last activations, without ever holding all logits of a large vocabulary.

Shapes: N tokens, C chunks, M = N / C tokens of one chunk, D hidden width, V vocabulary.
"""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np

from bestiary.models._partition import each_part

_PADDING = -1  # the target of a row that only fills the last chunk


def cross_entropy(
    x_ND: jax.Array, head_DV: jax.Array, targets_N: jax.Array, *, logits: int
) -> jax.Array:
    """Mean over tokens of `logsumexp(x W) - (x W)[target]`, in nats, a float32 scalar.

    Products are in the type of `x_ND`; logits, loss and the gradient of the head are float32. The
    gradient of the logits, `(softmax(x W) - onehot(target)) / N`, is known in the forward pass: it
    is multiplied with W and x there, chunk by chunk, so logits are never computed twice.
    Over a mesh every device does so with its own tokens.

    Args:
        x_ND: The last activations.
        head_DV: The head.
        targets_N: The tokens to predict.
        logits: How many logits are held at once; a chunk is rows of them over all V.
    """
    of_all = partial(_part, tokens=targets_N.size, logits=logits)
    return each_part(of_all, (x_ND, targets_N), whole=head_DV)


def _part(
    head_DV: jax.Array, x_ND: jax.Array, targets_N: jax.Array, *, tokens: int, logits: int
) -> jax.Array:
    """The sum over some of the tokens, over the number of all of them."""
    chunks = math.ceil(targets_N.size * head_DV.shape[1] / logits)
    filled = -targets_N.size % chunks
    x_CMD = jnp.pad(x_ND, ((0, filled), (0, 0))).reshape(chunks, -1, x_ND.shape[1])
    targets_N = jnp.pad(targets_N, (0, filled), constant_values=_PADDING)
    weights_N = (targets_N != _PADDING).astype(jnp.float32) / tokens
    return _weighted(x_CMD, head_DV, targets_N.reshape(chunks, -1), weights_N.reshape(chunks, -1))


@jax.custom_vjp
def _weighted(
    x_CMD: jax.Array, head_DV: jax.Array, targets_CM: jax.Array, weights_CM: jax.Array
) -> jax.Array:
    """The weighted sum of the tokens' cross-entropies."""
    head = head_DV.astype(x_CMD.dtype)

    def add(loss: jax.Array, chunk: tuple[jax.Array, ...]) -> tuple[jax.Array, None]:
        return loss + _chunk(head, *chunk)[0], None

    return jax.lax.scan(add, jnp.float32(0), (x_CMD, targets_CM, weights_CM))[0]


def _weighted_forward(
    x_CMD: jax.Array, head_DV: jax.Array, targets_CM: jax.Array, weights_CM: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    head = head_DV.astype(x_CMD.dtype)

    def add(
        sums: tuple[jax.Array, jax.Array], chunk: tuple[jax.Array, ...]
    ) -> tuple[tuple[jax.Array, jax.Array], jax.Array]:
        loss, dlogits_MV = _chunk(head, *chunk)
        dlogits_MV = dlogits_MV.astype(head.dtype)
        dhead_DV = jnp.dot(chunk[0].T, dlogits_MV, preferred_element_type=jnp.float32)
        return (sums[0] + loss, sums[1] + dhead_DV), dlogits_MV @ head.T

    start = (jnp.float32(0), jnp.zeros(head_DV.shape, jnp.float32))
    (loss, dhead_DV), dx_CMD = jax.lax.scan(add, start, (x_CMD, targets_CM, weights_CM))
    return loss, (dx_CMD, dhead_DV)


def _weighted_backward(
    kept: tuple[jax.Array, jax.Array], dloss: jax.Array
) -> tuple[jax.Array, jax.Array, None, None]:
    dx_CMD, dhead_DV = kept
    return dx_CMD * dloss.astype(dx_CMD.dtype), dhead_DV * dloss, None, None


_weighted.defvjp(_weighted_forward, _weighted_backward)


def _chunk(
    head_DV: jax.Array, x_MD: jax.Array, targets_M: jax.Array, weights_M: jax.Array
) -> tuple[jax.Array, jax.Array]:
    """The weighted loss of one chunk, and the gradient of its logits, (M, V) float32."""
    logits_MV = jnp.dot(x_MD, head_DV, preferred_element_type=jnp.float32)
    shifted_MV = logits_MV - jnp.max(logits_MV, axis=-1, keepdims=True)
    exponentials_MV = jnp.exp(shifted_MV)
    total_M1 = jnp.sum(exponentials_MV, axis=-1, keepdims=True)
    chosen_MV = targets_M[:, None] == np.arange(head_DV.shape[1])[None, :]
    target_M = jnp.sum(jnp.where(chosen_MV, shifted_MV, 0), axis=-1)
    loss = jnp.sum(weights_M * (jnp.log(total_M1[:, 0]) - target_M))
    return loss, weights_M[:, None] * (exponentials_MV / total_M1 - chosen_MV)
