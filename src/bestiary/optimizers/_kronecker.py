"""Kronecker factors: Gram matrices of both sides of a batch of blocks, and their eigenbases.

A side that is not preconditioned (too long, or of length one) has the factor None and is left as it
is. Products run at the highest precision: TensorFloat-32 ruins the orthogonality of a basis.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array

from bestiary.optimizers._factorizations import eigenvectors, orthonormal_columns
from bestiary.optimizers._newton_schulz import frobenius_norm

HIGHEST = jax.lax.Precision.HIGHEST


class Factors(NamedTuple):
    """One square matrix for each side of the blocks (G, M, N), or None."""

    left: Array | None  # (G, M, M)
    right: Array | None  # (G, N, N)


def sides(shape: tuple[int, ...], *, max_dimension: int, vectors: bool) -> tuple[bool, bool]:
    """Which sides of blocks of this shape have a factor.

    Args:
        shape: (G, M, N).
        max_dimension: Longer sides have none.
        vectors: Whether blocks of one column have a factor on their rows.
    """
    rows, columns = shape[-2:]
    if not vectors and 1 in (rows, columns):
        return False, False
    return 1 < rows <= max_dimension, 1 < columns <= max_dimension


def identities(x_GMN: Array, has: tuple[bool, bool], scale: float = 1.0) -> Factors:
    """`scale` times the identity on each side that has a factor."""
    left, right = (
        jnp.broadcast_to(scale * jnp.eye(n, dtype=x_GMN.dtype), (len(x_GMN), n, n))
        if present
        else None
        for n, present in zip(x_GMN.shape[-2:], has, strict=True)
    )
    return Factors(left, right)


def grams(x_GMN: Array, like: Factors) -> Factors:
    """X X^T and X^T X, where there is a factor."""
    return Factors(
        None if like.left is None else product(x_GMN, x_GMN.mT),
        None if like.right is None else product(x_GMN.mT, x_GMN),
    )


def rotated(x_GMN: Array, basis: Factors) -> Array:
    """Q_L^T X Q_R: coordinates in the basis."""
    x_GMN = x_GMN if basis.left is None else product(basis.left.mT, x_GMN)
    return x_GMN if basis.right is None else product(x_GMN, basis.right)


def rotated_back(x_GMN: Array, basis: Factors) -> Array:
    """Q_L X Q_R^T: from coordinates in the basis to the matrix."""
    x_GMN = x_GMN if basis.left is None else product(basis.left, x_GMN)
    return x_GMN if basis.right is None else product(x_GMN, basis.right.mT)


def without_rounding(x_GMN: Array) -> Array:
    """Set entries to zero that are below the rounding error of the rotation they come from.

    Where a Gram matrix is rank-deficient, moments are zero along its null space; rotated in finite
    precision they are rounding errors, and dividing one by another gives steps of any size.
    """
    floor_G11 = jnp.finfo(x_GMN.dtype).eps * frobenius_norm(x_GMN)
    return jnp.where(jnp.abs(x_GMN) > floor_G11, x_GMN, 0.0)


def over_factors(
    function: Callable[..., tuple[Any, ...]], *trees: dict[str, Factors], outputs: int = 1
) -> tuple[dict[str, Factors], ...]:
    """Apply a function to factors, all those of equal size, of whatever block shape, as one batch.

    Args:
        function: From one array (G, ...) of each tree to a tuple of arrays (G, ...).
        trees: Factors by block shape, with None in the same places; the first decides the sizes.
        outputs: Length of the tuple that the function returns.
    """
    columns = [jax.tree.leaves(tree) for tree in trees]
    groups: dict[int, list[int]] = {}
    for index, leaf in enumerate(columns[0]):
        groups.setdefault(leaf.shape[-1], []).append(index)
    found: dict[int, list[Any]] = {}
    for members in groups.values():
        ends = np.cumsum([len(columns[0][index]) for index in members])[:-1]
        batch = function(*(_joined([leaves[index] for index in members]) for leaves in columns))
        parts = [jnp.split(output, ends) for output in batch]
        found |= {index: [part[k] for part in parts] for k, index in enumerate(members)}
    structure = jax.tree.structure(trees[0])
    return tuple(
        jax.tree.unflatten(structure, [found[index][k] for index in range(len(columns[0]))])
        for k in range(outputs)
    )


def eigenbasis(gram_GMM: Array, padding_GM: np.ndarray | Array) -> tuple[Array]:
    """Eigenvectors as columns, largest eigenvalue first.

    A padded coordinate is given the eigenvalue -1, which no Gram matrix has, so that its unit
    vector is an eigenvector of its own and never mixes with real ones.
    """
    basis_GMM = eigenvectors(_plus_padding(gram_GMM, padding_GM, -1.0))
    return (basis_GMM[..., ::-1],)


def power_step(
    gram_GMM: Array, basis_GMM: Array, padding_GM: np.ndarray | Array
) -> tuple[Array, Array]:
    """One step of orthogonal iteration, qr(S Q), columns first sorted by their Rayleigh quotient.

    Returns:
        The new basis, and the order (G, M) in which the old columns were taken.
    """
    rayleigh_GM = jnp.sum(basis_GMM * product(gram_GMM, basis_GMM), axis=-2)
    order_GM = jnp.argsort(-rayleigh_GM, axis=-1, stable=True)
    sorted_GMM = jnp.take_along_axis(basis_GMM, order_GM[:, None, :], axis=-1)
    powered_GMM = product(_plus_padding(gram_GMM, padding_GM, 1.0), sorted_GMM)
    return orthonormal_columns(powered_GMM), order_GM


def permuted(x_GMN: Array, orders: Factors) -> Array:
    """Rows and columns taken in the given orders, (G, M) and (G, N); None leaves them."""
    if orders.left is not None:
        x_GMN = jnp.take_along_axis(x_GMN, orders.left[:, :, None], axis=-2)
    if orders.right is not None:
        x_GMN = jnp.take_along_axis(x_GMN, orders.right[:, None, :], axis=-1)
    return x_GMN


def product(a: Array, b: Array) -> Array:
    """The batched matrix product at the highest precision."""
    return jnp.matmul(a, b, precision=HIGHEST)


def _plus_padding(gram_GMM: Array, padding_GM: np.ndarray | Array, value: float) -> Array:
    """The Gram matrices with `value` on the diagonal at padded coordinates, where they are zero."""
    if isinstance(padding_GM, np.ndarray) and not padding_GM.any():
        return gram_GMM
    identity_1MM = jnp.eye(gram_GMM.shape[-1], dtype=gram_GMM.dtype)[None]
    return gram_GMM + value * padding_GM[:, :, None] * identity_1MM


def _joined(arrays: list[Any]) -> Any:
    """One batch; numpy arrays stay numpy."""
    known = all(isinstance(array, np.ndarray) for array in arrays)
    return np.concatenate(arrays) if known else jnp.concatenate(arrays)
