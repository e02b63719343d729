r"""The two ways in which PSGD fits a Kronecker-factored whitening preconditioner P = Q^T Q.

For blocks X (G, M, N) of gradients, Q = Q_L x Q_R, and P X = Q_L^T Q_L X Q_R^T Q_R tends to have
uncorrelated entries of variance 1. A factor is a square matrix or, for a long side, its diagonal;
blocks that are vectors have no right factor.

`eq` (Li 2015, arXiv 1512.04202; Li 2022), triangular factors, with a normal probe V and X damped
by sqrt(eps) mean |X| V, eps that of float32:

    A = Q_L X Q_R^T;   B = Q_L^-T V Q_R^-1
    Q_L <- Q_L - mu / |A A^T + B B^T| triu(A A^T - B B^T) Q_L,   and so on the right

`q0.5eq1.5` (lixilinx/psgd_torch 2026), symmetric factors, products alone, X damped by
(1e-9 + eps |X|) V:

    T = (P X) (P X)^T;   l <- max(0.9 l + 0.1 (|T| + N), |T| + N)
    Q_L <- Q_L - mu / l (T Q_L - N Q_L), then rotated towards a symmetric matrix; and so right

|.| is a cheap lower bound of the spectral norm.
"""

from functools import partial
from typing import Any, Literal, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from bestiary.optimizers._factorizations import one_by_one_on_cpu
from bestiary.optimizers._kronecker import Factors, product
from bestiary.optimizers._rules import Scalar

Form = Literal["eq", "q0.5eq1.5"]
_LEAST_DAMPING = 1e-9
_BOUND_DECAY = 0.9
_LARGEST_ROTATION = 1 / 8


class Fitted(NamedTuple):
    """The factors Q of a batch of blocks and, for `q0.5eq1.5`, the bounds l (G,) of their steps."""

    factors: Factors
    bounds: Factors


def preconditioned(x_GMN: Array, q: Factors) -> Array:
    """P X."""
    once_GMN = _on_right(_on_left(q.left, x_GMN), q.right)
    return _on_right(_on_left(_transposed(q.left), once_GMN), _transposed(q.right))


def unfitted(x_GMN: Array, scale: Scalar, *, max_dimension: int) -> Fitted:
    """Factors, multiples of the identity, whose product Q_L x Q_R is `scale` times the identity."""
    count, rows, columns = x_GMN.shape
    matrix = columns > 1

    def factor(side: int) -> Array:
        own = jnp.asarray(scale, x_GMN.dtype)
        own = jnp.sqrt(own) if matrix else own
        ones = jnp.eye(side) if matrix and side <= max_dimension else jnp.ones(side)
        return jnp.broadcast_to(own * ones.astype(x_GMN.dtype), (count, *ones.shape))

    bound = jnp.zeros(count, x_GMN.dtype)
    return Fitted(
        Factors(factor(rows), factor(columns) if matrix else None),
        Factors(bound, bound if matrix else None),
    )


def fitted(
    before: Fitted,
    x_GMN: Array,
    probe_GMN: Array,
    *,
    form: Form,
    rate: Scalar,
    balancing: Array,
    padding: tuple[np.ndarray, np.ndarray],
) -> Fitted:
    """One damped fit; the factors of a block without gradients stay.

    Args:
        before: The factors so far.
        x_GMN: What to whiten.
        probe_GMN: V, normal numbers.
        form: Which of the two ways.
        rate: The step size mu.
        balancing: Whether the factors are balanced first.
        padding: Which rows (G, M) and columns (G, N) are padding.
    """
    rows_GM, columns_GN = padding
    probe_GMN = jnp.where(rows_GM[:, :, None] | columns_GN[:, None, :], 0.0, probe_GMN)
    size_G11 = jnp.mean(jnp.abs(x_GMN), axis=(-2, -1), keepdims=True)
    level = jax.tree.map(partial(jnp.where, balancing), balanced(before.factors), before.factors)
    start = Fitted(level, before.bounds)
    if form == "eq":
        damping = float(np.finfo(np.float32).eps) ** 0.5 * size_G11
        after = fitted_eq(start, x_GMN + damping * probe_GMN, probe_GMN, rate)
    else:
        damping = _LEAST_DAMPING + jnp.finfo(x_GMN.dtype).eps * jnp.abs(x_GMN)
        after = fitted_without_solves(start, x_GMN + damping * probe_GMN, rate, padding)
    alive_G = size_G11[:, 0, 0] > 0
    return jax.tree.map(
        lambda old, new: jnp.where(alive_G.reshape(-1, *[1] * (new.ndim - 1)), new, old),
        before,
        after,
    )


def fitted_eq(fit: Fitted, x_GMN: Array, probe_GMN: Array, rate: Scalar) -> Fitted:
    """One `eq` step from damped gradients."""
    q = fit.factors
    a_GMN = _on_right(_on_left(q.left, x_GMN), q.right)
    b_GMN = _divided_right(q.right, _divided_left(q.left, probe_GMN))

    def side(factor: Array | None, a: Array, b: Array) -> Array | None:
        if factor is None:
            return None
        if factor.ndim == 2:
            a2, b2 = jnp.sum(a**2, axis=-1), jnp.sum(b**2, axis=-1)
            largest = jnp.max(a2 + b2, axis=-1, keepdims=True)
            return factor - _ratio(rate, largest) * (a2 - b2) * factor
        a2, b2 = product(a, a.mT), product(b, b.mT)
        scale_G11 = _ratio(rate, norm_bound(a2 + b2))[:, None, None]
        return factor - scale_G11 * product(jnp.triu(a2 - b2), factor)

    after = Factors(side(q.left, a_GMN, b_GMN), side(q.right, a_GMN.mT, b_GMN.mT))
    return Fitted(after, fit.bounds)


def fitted_without_solves(
    fit: Fitted, x_GMN: Array, rate: Scalar, padding: tuple[Any, Any]
) -> Fitted:
    """One `q0.5eq1.5` step from damped gradients; padded rows and columns are left alone."""
    y_GMN = preconditioned(x_GMN, fit.factors)
    real_GM, real_GN = (jnp.asarray(~padded, y_GMN.dtype) for padded in padding)
    q, l_G = fit
    left, left_G = _symmetric_step(
        q.left, l_G.left, y_GMN, rate=rate, real_GM=real_GM, real_GN=real_GN
    )
    right, right_G = _symmetric_step(
        q.right, l_G.right, y_GMN.mT, rate=rate, real_GM=real_GN, real_GN=real_GM
    )
    return Fitted(Factors(left, right), Factors(left_G, right_G))


def _symmetric_step(
    factor: Array | None,
    bound_G: Any,
    y_GMN: Array,
    *,
    rate: Scalar,
    real_GM: Array,
    real_GN: Array,
) -> tuple[Array | None, Array | None]:
    """The factor of the left side after its step, and the bound."""
    if factor is None:
        return None, None
    target_G = jnp.sum(real_GN, axis=-1)
    diagonal = factor.ndim == 2
    t = jnp.sum(y_GMN**2, axis=-1) if diagonal else product(y_GMN, y_GMN.mT)
    now_G = target_G + (jnp.max(t, axis=-1) if diagonal else norm_bound(t))
    bound_G = jnp.maximum(_BOUND_DECAY * bound_G + (1 - _BOUND_DECAY) * now_G, now_G)
    goal_GM = target_G[:, None] * real_GM
    if diagonal:
        return factor * (1 - (rate / bound_G)[:, None] * (t - goal_GM)), bound_G
    change_GMM = product(t, factor) - goal_GM[:, :, None] * factor
    return rotated_to_symmetry(factor - (rate / bound_G)[:, None, None] * change_GMM), bound_G


def rotated_to_symmetry(q_GMM: Array) -> Array:
    """Q rotated as exp(a R) Q, R = Q^T - Q, to second order; a by a line search of the trace."""
    r_GMM = q_GMM.mT - q_GMM
    r_GMM = r_GMM * _ratio(1.0, norm_bound(r_GMM))[:, None, None]
    rq_GMM = product(r_GMM, q_GMM)
    rrq_GMM = product(r_GMM, rq_GMM)
    slope_G, bend_G = (jnp.trace(x, axis1=-2, axis2=-1) for x in (rq_GMM, rrq_GMM))
    best_G = -slope_G / jnp.where(bend_G < 0, bend_G, -1.0)
    a_G = jnp.where(bend_G < 0, jnp.minimum(best_G, _LARGEST_ROTATION), _LARGEST_ROTATION)
    a_G11 = a_G[:, None, None]
    return q_GMM + a_G11 * (rq_GMM + 0.5 * a_G11 * rrq_GMM)


def balanced(q: Factors) -> Factors:
    """The factors with equal largest entries, their product unchanged."""
    left, right = q
    if left is None or right is None:
        return q
    left_G, right_G = (jnp.max(jnp.abs(x.reshape(len(x), -1)), axis=-1) for x in (left, right))
    ratio_G = jnp.sqrt(right_G / left_G)
    return Factors(
        left * ratio_G.reshape(-1, *[1] * (left.ndim - 1)),
        right / ratio_G.reshape(-1, *[1] * (right.ndim - 1)),
    )


def norm_bound(a_GMM: Array) -> Array:
    """A lower bound (G,) of the spectral norm of symmetric or skew-symmetric matrices.

    Two steps of power iteration from the largest row; 0 for a zero matrix.
    """
    largest_G11 = jnp.max(jnp.abs(a_GMM), axis=(-2, -1), keepdims=True)
    unit_GMM = a_GMM / jnp.where(largest_G11 > 0, largest_G11, 1.0)
    row_G = jnp.argmax(jnp.sum(unit_GMM**2, axis=-1), axis=-1)
    start_G1M = jnp.take_along_axis(unit_GMM, row_G[:, None, None], axis=-2)
    once_G1M = product(start_G1M, unit_GMM)
    norm_G11 = jnp.linalg.norm(once_G1M, axis=-1, keepdims=True)
    twice_G1M = product(once_G1M / jnp.where(norm_G11 > 0, norm_G11, 1.0), unit_GMM)
    return largest_G11[:, 0, 0] * jnp.linalg.norm(twice_G1M, axis=-1)[:, 0]


def _ratio(number: Scalar, divisor: Array) -> Array:
    """The ratio, 0 where the divisor is."""
    return jnp.where(divisor > 0, number / jnp.where(divisor > 0, divisor, 1.0), 0.0)


def _transposed(factor: Array | None) -> Array | None:
    return factor if factor is None or factor.ndim == 2 else factor.mT


def _on_left(factor: Array | None, x_GMN: Array) -> Array:
    """Q X."""
    if factor is None:
        return x_GMN
    return factor[:, :, None] * x_GMN if factor.ndim == 2 else product(factor, x_GMN)


def _on_right(x_GMN: Array, factor: Array | None) -> Array:
    """X Q^T."""
    if factor is None:
        return x_GMN
    return x_GMN * factor[:, None, :] if factor.ndim == 2 else product(x_GMN, factor.mT)


def _divided_left(factor: Array | None, x_GMN: Array) -> Array:
    """Q^-T X of a diagonal or upper triangular Q."""
    if factor is None:
        return x_GMN
    if factor.ndim == 2:
        return x_GMN / factor[:, :, None]
    solve = partial(jax.lax.linalg.triangular_solve, left_side=True, transpose_a=True)
    return one_by_one_on_cpu(solve, factor, x_GMN)


def _divided_right(factor: Array | None, x_GMN: Array) -> Array:
    """X Q^-1 of a diagonal or upper triangular Q."""
    if factor is None:
        return x_GMN
    if factor.ndim == 2:
        return x_GMN / factor[:, None, :]
    solve = partial(jax.lax.linalg.triangular_solve, left_side=False)
    return one_by_one_on_cpu(solve, factor, x_GMN)
