"""Kronecker factors: Gram matrices of both sides of a batch of blocks, and their eigenbases.

A side that is not preconditioned (too long, or of length one) has the factor None and is left as it
is. Products run at the highest precision: TensorFloat-32 ruins the orthogonality of a basis.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from msgspec import Meta

from bestiary.optimizers._blocks import Batches, Layout
from bestiary.optimizers._factorizations import eigenvectors, orthonormal_columns
from bestiary.optimizers._interface import Beta
from bestiary.optimizers._newton_schulz import norm_over

BlockSize = Annotated[
    int, Meta(ge=0, description="largest side of a block; 0 keeps matrices whole")
]
MaxDimension = Annotated[int, Meta(ge=1, description="longer sides have no factor and are not cut")]
FactorBeta = Annotated[Beta, Meta(description="decay of the Kronecker factors")]
PreconditionFrequency = Annotated[
    int, Meta(ge=1, description="steps between refreshes of the eigenbases")
]


class Factors(NamedTuple):
    """What belongs to either side of blocks (G, M, N), mostly square matrices; None for nothing."""

    left: Array | None  # (G, M, M)
    right: Array | None  # (G, N, N)


def sides(batches: Batches, *, max_dimension: int, vectors: bool) -> dict[str, tuple[bool, bool]]:
    """Which sides of the blocks of each shape have a factor.

    Args:
        batches: Blocks (G, M, N) by shape.
        max_dimension: Longer sides have none.
        vectors: Whether blocks of one row or column have a factor on their other side.
    """
    shapes = {name: x_GMN.shape[-2:] for name, x_GMN in batches.items()}
    return {
        name: (
            1 < rows <= max_dimension and (vectors or columns > 1),
            1 < columns <= max_dimension and (vectors or rows > 1),
        )
        for name, (rows, columns) in shapes.items()
    }


def identities(batches: Batches, has: dict[str, tuple[bool, bool]]) -> dict[str, Factors]:
    """The identity on each side that has a factor."""

    def one(x_GMN: Array, side: int) -> Array:
        size = x_GMN.shape[side]
        return jnp.broadcast_to(jnp.eye(size, dtype=x_GMN.dtype), (len(x_GMN), size, size))

    return {
        name: Factors(one(x, 1) if has[name][0] else None, one(x, 2) if has[name][1] else None)
        for name, x in batches.items()
    }


def grams(batches: Batches, like: dict[str, Factors]) -> dict[str, Factors]:
    """X X^T and X^T X, where there is a factor."""
    return {
        name: Factors(
            None if like[name].left is None else product(x_GMN, x_GMN.mT),
            None if like[name].right is None else product(x_GMN.mT, x_GMN),
        )
        for name, x_GMN in batches.items()
    }


def paddings(layout: Layout, like: dict[str, Factors]) -> dict[str, Factors]:
    """Which coordinates of each factor are padding, (G, M) of numpy."""
    return {
        name: Factors(
            *(
                None if factor is None else padding
                for factor, padding in zip(factors, layout.padding(name), strict=True)
            )  # type: ignore[arg-type]
        )
        for name, factors in like.items()
    }


def rotated(x_GMN: Array, basis: Factors) -> Array:
    """Q_L^T X Q_R: coordinates in the basis."""
    x_GMN = x_GMN if basis.left is None else product(basis.left.mT, x_GMN)
    return x_GMN if basis.right is None else product(x_GMN, basis.right)


def rotated_back(x_GMN: Array, basis: Factors) -> Array:
    """Q_L X Q_R^T: from coordinates in the basis to the matrix."""
    x_GMN = x_GMN if basis.left is None else product(basis.left, x_GMN)
    return x_GMN if basis.right is None else product(x_GMN, basis.right.mT)


def without_rounding(x_GMN: Array, basis: Factors) -> Array:
    """Set entries to zero that are below the rounding error of the rotation into a basis.

    Where a Gram matrix is rank-deficient, moments are zero along its null space; rotated in finite
    precision they are rounding errors, and dividing one by another gives steps of any size. A
    rotation mixes, and hence its error is relative to, a whole block where both sides have a basis,
    each row where the right side alone has one, each column where the left side has, and nothing
    where neither has.
    """
    axes = [axis for axis, side in ((-2, basis.left), (-1, basis.right)) if side is not None]
    if not axes:
        return x_GMN
    floor = jnp.finfo(x_GMN.dtype).eps * norm_over(x_GMN, tuple(axes))
    return jnp.where(jnp.abs(x_GMN) <= floor, 0.0, x_GMN)


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


def orthogonal_step(
    gram_GMM: Array, basis_GMM: Array, padding_GM: np.ndarray | Array
) -> tuple[Array]:
    """One step of orthogonal iteration, qr(S Q)."""
    return (orthonormal_columns(product(_plus_padding(gram_GMM, padding_GM, 1.0), basis_GMM)),)


def sorted_orthogonal_step(
    gram_GMM: Array, basis_GMM: Array, padding_GM: np.ndarray | Array
) -> tuple[Array, Array]:
    """The same with columns first sorted by their Rayleigh quotient.

    Returns:
        The new basis, and the order (G, M) in which the old columns were taken.
    """
    rayleigh_GM = jnp.sum(basis_GMM * product(gram_GMM, basis_GMM), axis=-2)
    order_GM = jnp.argsort(-rayleigh_GM, axis=-1, stable=True)
    sorted_GMM = jnp.take_along_axis(basis_GMM, order_GM[:, None, :], axis=-1)
    return (*orthogonal_step(gram_GMM, sorted_GMM, padding_GM), order_GM)


def refreshed(
    factors: dict[str, Factors],
    padding: dict[str, Factors],
    bases: dict[str, Factors],
    square: Batches,
) -> tuple[dict[str, Factors], Batches]:
    """The bases after one sorted step, and second moments with their axes in the same order."""
    bases, orders = over_factors(sorted_orthogonal_step, factors, bases, padding, outputs=2)
    return bases, {name: permuted(v_GMN, orders[name]) for name, v_GMN in square.items()}


def permuted(x_GMN: Array, orders: Factors) -> Array:
    """Rows and columns taken in the given orders, (G, M) and (G, N); None leaves them."""
    if orders.left is not None:
        x_GMN = jnp.take_along_axis(x_GMN, orders.left[:, :, None], axis=-2)
    if orders.right is not None:
        x_GMN = jnp.take_along_axis(x_GMN, orders.right[:, None, :], axis=-1)
    return x_GMN


def product(a: Array, b: Array) -> Array:
    """The batched matrix product at the highest precision."""
    return jnp.matmul(a, b, precision=jax.lax.Precision.HIGHEST)


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
