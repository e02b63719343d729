"""Causal attention by cuDNN's fused kernel for NVIDIA GPUs, forward and backward."""

import jax
import jax.numpy as jnp

from bestiary.errors import UserError

# JAX's primitive of the forward pass; its results are all that the backward pass needs of it.
FORWARD = "dot_product_attention_fwd_wrapper"


def cudnn_attention(q_BTHK: jax.Array, k_BTGK: jax.Array, v_BTGK: jax.Array) -> jax.Array:
    """Softmax attention over each position and its past, as `causal_attention` defines it.

    An odd length gets one more position, which lies in the future of all others: cuDNN has no
    gradient for one.

    Args:
        q_BTHK: Queries, in bfloat16.
        k_BTGK: Keys; each head of them serves H / G heads of queries.
        v_BTGK: Values.

    Raises:
        UserError: cuDNN is not there, or cannot compute attention of this shape.
    """
    T = q_BTHK.shape[1]
    q, k, v = (jnp.pad(x, ((0, 0), (0, T % 2), (0, 0), (0, 0))) for x in (q_BTHK, k_BTGK, v_BTGK))
    try:
        o = jax.nn.dot_product_attention(q, k, v, is_causal=True, implementation="cudnn")
    except (RuntimeError, NotImplementedError) as error:
        said = str(error).splitlines()[0].rstrip(".")
        raise UserError(
            f"attention by cuDNN is not possible here: {said}; install cuDNN, or "
            "take --attention chunked"
        ) from None
    return o[:, :T]
