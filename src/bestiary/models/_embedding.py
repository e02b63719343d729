"""The token embedding. N tokens, V vocabulary, D hidden width."""

import jax
import jax.numpy as jnp
import numpy as np

# Up to this vocabulary an accelerator's gradient is a product with the one-hot matrix: it costs no
# more than the head does, and its sums have one order, which a scatter's have not. On a CPU a
# scatter adds in the order of the tokens, in a tenth of the time.
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

    def added(tokens_N: jax.Array, dx_ND: jax.Array) -> jax.Array:
        sums_VD = jnp.zeros(table_VD.shape, jnp.promote_types(dx_ND.dtype, jnp.float32))
        sums_VD = sums_VD.at[tokens_N].add(dx_ND.astype(sums_VD.dtype), mode="promise_in_bounds")
        return sums_VD.astype(dx_ND.dtype)

    def multiplied(tokens_N: jax.Array, dx_ND: jax.Array) -> jax.Array:
        chosen_VN = np.arange(table_VD.shape[0])[:, None] == tokens_N[None, :]
        return chosen_VN.astype(dx_ND.dtype) @ dx_ND

    return jax.lax.platform_dependent(tokens_N, dx_ND, cpu=added, default=multiplied), None


_small.defvjp(_small_forward, _small_backward)
