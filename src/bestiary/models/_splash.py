"""Causal attention by JAX's splash kernel for TPUs, forward and backward.

Shapes: B sequences, T positions, H query heads, G key-value heads, K head width.
"""

import math
from collections.abc import Callable

import jax
import jax.numpy as jnp

from bestiary.models._attention import RESULT

# A block of scores is rows of queries times columns of keys. The kernel wants whole lanes of the
# machine; larger blocks read keys less often, smaller ones skip more of the masked half.
_LANES = 128
_BLOCKS = (1024, 512, 256, _LANES)


def splash_attention(
    q_BTHK: jax.Array, k_BTGK: jax.Array, v_BTGK: jax.Array, *, interpret: bool = False
) -> jax.Array:
    """Softmax attention over each position and its past, as `causal_attention` defines it.

    Lengths that the kernel's blocks do not divide are padded: what is added lies in the future of
    every position, which sees none of it.

    Args:
        q_BTHK: Queries.
        k_BTGK: Keys; each head of them serves H / G heads of queries.
        v_BTGK: Values.
        interpret: Whether to interpret the kernel, on a machine without a TPU.
    """
    T, H, K = q_BTHK.shape[1:]
    padded = T + -T % _LANES
    scaled_BTHK = (q_BTHK / math.sqrt(K)).astype(q_BTHK.dtype)
    by_head = [_by_head(x, padded) for x in (scaled_BTHK, k_BTGK, v_BTGK)]
    o_BHTK = jax.vmap(_kernel(padded, H, interpret=interpret))(*by_head)
    return o_BHTK[:, :, :T].transpose(0, 2, 1, 3)


def visible_blocks(positions: int) -> int:
    """The blocks of scores of one head that are computed, for one sequence."""
    padded = positions + -positions % _LANES
    rows = padded // _block_size(padded)
    return rows * (rows + 1) // 2


def _block_size(positions: int) -> int:
    """The rows and columns of a block, for a length that whole lanes divide."""
    return next(size for size in _BLOCKS if positions % size == 0)


def _by_head(x_BTHK: jax.Array, padded: int) -> jax.Array:
    """(B, H, T, K), padded to a length."""
    x_BHTK = x_BTHK.transpose(0, 2, 1, 3)
    return jnp.pad(x_BHTK, ((0, 0), (0, 0), (0, padded - x_BHTK.shape[2]), (0, 0)))


def _kernel(positions: int, heads: int, *, interpret: bool) -> Callable[..., jax.Array]:
    # Importing it takes longer than all else of this package, and few machines have a TPU.
    from jax.experimental.pallas.ops.tpu.splash_attention import (
        splash_attention_kernel,
        splash_attention_mask,
    )

    size = _block_size(positions)
    # Positions fill the lanes of the machine, as the layers' other activations have them; heads of
    # 64 fill half of them, and what turns one into the other took longer than it saves here.
    lying = splash_attention_kernel.QKVLayout.SEQ_MINOR
    causal = splash_attention_mask.CausalMask((positions, positions))
    kernel: Callable[..., jax.Array] = splash_attention_kernel.make_splash_mha(
        splash_attention_mask.MultiHeadMask([causal] * heads),
        block_sizes=splash_attention_kernel.BlockSizes(
            block_q=size,
            block_kv=size,
            block_q_dkv=size,
            block_kv_dkv=size,
            block_q_dq=size,
            block_kv_dq=size,
            q_layout=lying,
            k_layout=lying,
            v_layout=lying,
        ),
        head_shards=1,
        q_seq_shards=1,
        residual_checkpoint_name=RESULT,
        interpret=interpret,
    )
    return kernel
