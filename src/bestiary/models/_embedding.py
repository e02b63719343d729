"""The token embedding. N tokens, V vocabulary, D hidden width."""

import jax
import numpy as np

# Up to this vocabulary the gradient is a product with the one-hot matrix: it costs no more than the
# head does, and its sums have one order on every device, which a scatter's have not.
_ONE_HOT = 1024


def look_up(table_VD: jax.Array, tokens_N: jax.Array) -> jax.Array:
    """The embedding of each token, (N, D)."""
    return _small(table_VD, tokens_N) if table_VD.shape[0] <= _ONE_HOT else table_VD[tokens_N]


@jax.custom_vjp
def _small(table_VD: jax.Array, tokens_N: jax.Array) -> jax.Array:
    return table_VD[tokens_N]


def _small_forward(
    table_VD: jax.Array, tokens_N: jax.Array
) -> tuple[jax.Array, tuple[jax.Array, jax.Array]]:
    return table_VD[tokens_N], (table_VD, tokens_N)


def _small_backward(kept: tuple[jax.Array, jax.Array], dx_ND: jax.Array) -> tuple[jax.Array, None]:
    table_VD, tokens_N = kept  # the table for its shape alone
    chosen_VN = np.arange(table_VD.shape[0])[:, None] == tokens_N[None, :]
    return chosen_VN.astype(dx_ND.dtype) @ dx_ND, None


_small.defvjp(_small_forward, _small_backward)
