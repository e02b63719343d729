"""Batched QR and eigenvectors: right, and never a batched LAPACK call on a CPU (see the module)."""

import re
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import Array

from bestiary.optimizers._factorizations import (
    eigenvectors,
    one_by_one_on_cpu,
    orthonormal_columns,
)


def solution(x_GMM: Array) -> Array:
    def solve(x: Array, y: Array) -> Array:
        return jax.lax.linalg.triangular_solve(x, y, left_side=True, lower=True)

    return one_by_one_on_cpu(solve, x_GMM, x_GMM.mT)


EVERY = pytest.mark.parametrize("function", [orthonormal_columns, eigenvectors, solution])


def symmetric(*batch: int) -> Array:
    x = jnp.asarray(np.random.default_rng(0).standard_normal((*batch, 6, 6)), jnp.float32)
    return x @ x.mT


def test_q_of_the_qr_decomposition() -> None:
    x = symmetric(3)
    expected = np.linalg.qr(np.asarray(x))[0]
    np.testing.assert_allclose(orthonormal_columns(x), expected, atol=1e-4)


def test_eigenvectors_diagonalise_in_rising_order() -> None:
    x = symmetric(3)
    basis = eigenvectors(x)
    diagonal = np.asarray(basis.mT @ x @ basis)
    values = np.linalg.eigvalsh(np.asarray(x))
    np.testing.assert_allclose(diagonal, values[:, :, None] * np.eye(6), atol=2e-4)


@EVERY
@pytest.mark.parametrize("batch", [(3,), (2, 3)])
def test_no_batched_lapack_call_on_a_cpu(
    function: Callable[[Array], Array], batch: tuple[int, ...]
) -> None:
    mapped = jax.vmap(function) if len(batch) == 2 else function
    text = jax.jit(mapped).lower(symmetric(*batch)).as_text()
    calls = [line for line in text.splitlines() if "@lapack_" in line]
    assert calls
    assert not [line for line in calls if re.search(r"tensor<\d+x\d+x\d+xf", line)]


@EVERY
def test_a_population_is_its_members(function: Callable[[Array], Array]) -> None:
    x = symmetric(2, 3)
    together = jax.vmap(function)(x)
    np.testing.assert_array_equal(together, jnp.stack([function(member) for member in x]))
