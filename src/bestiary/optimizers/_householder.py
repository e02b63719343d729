r"""QR of a batch of matrices by products alone: blocked Householder reflections.

On accelerators the library's QR factors the matrices of a batch one after the other, each in many
small kernels: SOAP with thousands of blocks spends more time there than on the gradient. Here every
operation is on the whole batch. For a panel of B columns, of which v_j are the reflections:

    beta = -sign(alpha) |x|;   tau = (beta - alpha) / beta;   v = x / (alpha - beta), 1 at the pivot
    H_1 ... H_B = I - V T V^T,   T_jj = tau_j,   T_:j = -tau_j T V^T v_j above     (compact WY)
    A <- (I - V T^T V^T) A;   Q <- Q (I - V T V^T)

with alpha the pivot and x the entries from there on; tau = 0 where nothing is below the pivot.
These are LAPACK's conventions (geqrf, orgqr), hence its signs. Cost: 8 M^3 FLOPs, thrice the least,
because every panel updates whole matrices; the time is that of moving them, M / B times.
Schreiber and Van Loan 1989, SIAM J. Sci. Stat. Comput. 10(1).
"""

import jax
import jax.numpy as jnp
from jax import Array

_PANEL = 32
_HIGHEST = jax.lax.Precision.HIGHEST


def householder_q(x_GMM: Array) -> Array:
    """The factor Q of the QR decomposition of each square matrix, of any rank."""
    size = x_GMM.shape[-1]
    panel = min(_PANEL, size)
    largest_G11 = jnp.max(jnp.abs(x_GMM), axis=(-2, -1), keepdims=True)
    scaled_GMM = x_GMM / jnp.where(largest_G11 > 0, largest_G11, 1.0)
    # Zero columns reflect nothing: their part of Q is the identity's.
    filled = -size % panel
    a_GMM = jnp.pad(scaled_GMM, ((0, 0), (0, filled), (0, filled)))
    q_GMM = jnp.broadcast_to(jnp.eye(size + filled, dtype=x_GMM.dtype), a_GMM.shape)

    def factored(index: Array, pair: tuple[Array, Array]) -> tuple[Array, Array]:
        a_GMM, q_GMM = pair
        columns_GMB = jax.lax.dynamic_slice_in_dim(a_GMM, index * panel, panel, axis=-1)
        v_GMB, tau_GB = _reflections(columns_GMB, index * panel)
        t_GBB = _joint(v_GMB, tau_GB)
        a_GMM = a_GMM - _product(v_GMB, _product(t_GBB.mT, _product(v_GMB.mT, a_GMM)))
        q_GMM = q_GMM - _product(_product(_product(q_GMM, v_GMB), t_GBB), v_GMB.mT)
        return a_GMM, q_GMM

    panels = (size + filled) // panel
    return jax.lax.fori_loop(0, panels, factored, (a_GMM, q_GMM))[1][:, :size, :size]


def _reflections(columns_GMB: Array, first: Array) -> tuple[Array, Array]:
    """V and tau of the reflections that make a panel upper triangular from row `first` on."""
    count, rows, width = columns_GMB.shape
    row_1M = jnp.arange(rows)[None, :]

    def reflected(j: Array, carry: tuple[Array, Array, Array]) -> tuple[Array, Array, Array]:
        p_GMB, v_GMB, tau_GB = carry
        x_GM = jax.lax.dynamic_index_in_dim(p_GMB, j, axis=-1, keepdims=False)
        alpha_G1 = jax.lax.dynamic_slice_in_dim(x_GM, first + j, 1, axis=-1)
        below_GM = jnp.where(row_1M > first + j, x_GM, 0.0)
        rest_G1 = jnp.sum(below_GM**2, axis=-1, keepdims=True)
        moves_G1 = rest_G1 > 0
        beta_G1 = -jnp.copysign(jnp.sqrt(alpha_G1**2 + rest_G1), alpha_G1)
        tau_G1 = jnp.where(moves_G1, (beta_G1 - alpha_G1) / jnp.where(moves_G1, beta_G1, 1.0), 0.0)
        v_GM = below_GM / jnp.where(moves_G1, alpha_G1 - beta_G1, 1.0)
        v_GM1 = jnp.where(row_1M == first + j, 1.0, v_GM)[:, :, None]
        # A sum, not a product: one read of the panel, in full precision.
        shadow_G1B = jnp.sum(v_GM1 * p_GMB, axis=1, keepdims=True)
        p_GMB = p_GMB - tau_G1[:, :, None] * v_GM1 * shadow_G1B
        v_GMB = jax.lax.dynamic_update_slice_in_dim(v_GMB, v_GM1, j, axis=-1)
        return p_GMB, v_GMB, jax.lax.dynamic_update_slice_in_dim(tau_GB, tau_G1, j, axis=-1)

    tau_GB = jnp.zeros((count, width), columns_GMB.dtype)
    start = (columns_GMB, jnp.zeros_like(columns_GMB), tau_GB)
    _, v_GMB, tau_GB = jax.lax.fori_loop(0, width, reflected, start)
    return v_GMB, tau_GB


def _joint(v_GMB: Array, tau_GB: Array) -> Array:
    """T, upper triangular (G, B, B), from the reflections of a panel."""
    gram_GBB = _product(v_GMB.mT, v_GMB)

    def column(j: Array, t_GBB: Array) -> Array:
        gram_GB1 = jax.lax.dynamic_slice_in_dim(gram_GBB, j, 1, axis=-1)
        tau_G11 = jax.lax.dynamic_slice_in_dim(tau_GB, j, 1, axis=-1)[:, :, None]
        # Columns from j on are still zero, so this is zero from row j on.
        above_GB1 = jnp.sum(t_GBB * gram_GB1.mT, axis=-1, keepdims=True)
        unit_1B1 = (jnp.arange(t_GBB.shape[-1]) == j)[None, :, None]
        made_GB1 = tau_G11 * (unit_1B1 - above_GB1)
        return jax.lax.dynamic_update_slice_in_dim(t_GBB, made_GB1, j, axis=-1)

    return jax.lax.fori_loop(0, v_GMB.shape[-1], column, jnp.zeros_like(gram_GBB))


def _product(a: Array, b: Array) -> Array:
    return jnp.matmul(a, b, precision=_HIGHEST)
