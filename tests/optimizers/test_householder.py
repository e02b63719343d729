"""QR by batched products, for accelerators: LAPACK's Q, for matrices of any rank and scale."""

import re
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.optimizers._householder import householder_q

pytestmark = pytest.mark.slow

STEP = jax.jit(householder_q)
EPS = np.finfo(np.float32).eps


def matrices(size: int, rank: int, scale: float = 1.0, seed: int = 0) -> Any:
    """Three matrices of a rank."""
    rng = np.random.default_rng(seed)
    pair = rng.standard_normal((3, size, rank)), rng.standard_normal((3, rank, size))
    return (scale * (pair[0] @ pair[1])).astype(np.float32)


# Below, at and between multiples of a panel.
@pytest.mark.parametrize("size", [1, 7, 70])
def test_the_same_q_as_lapack_with_its_signs(size: int) -> None:
    x = matrices(size, size)
    expected = np.linalg.qr(x.astype(np.float64))[0]
    np.testing.assert_allclose(STEP(x), expected, atol=1e3 * EPS)


def test_in_float64_to_its_precision() -> None:
    x = matrices(33, 33).astype(np.float64)
    with jax.enable_x64(True):
        found = np.asarray(householder_q(jnp.asarray(x)))
    np.testing.assert_allclose(found, np.linalg.qr(x)[0], atol=1e-12)


@settings(max_examples=15, deadline=None)
@given(
    rank=st.integers(0, 40),
    scale=st.sampled_from([1e-30, 1e-20, 1.0, 1e20, 1e33]),
    seed=st.integers(0, 2**31),
)
def test_orthonormal_and_triangular_for_any_rank_and_scale(
    rank: int, scale: float, seed: int
) -> None:
    x = matrices(40, rank, scale, seed)
    q = np.asarray(STEP(x), np.float64)
    np.testing.assert_allclose(q.mT @ q, np.broadcast_to(np.eye(40), q.shape), atol=1e-5)
    x = x.astype(np.float64)
    below = np.tril(q.mT @ x, -1)
    assert np.max(np.abs(below)) <= 1e-5 * max(np.linalg.norm(one) for one in x)


def test_a_population_is_its_members() -> None:
    x = matrices(7, 7)
    np.testing.assert_allclose(jax.vmap(STEP)(x[None])[0], STEP(x), atol=1e2 * EPS)


@pytest.mark.parametrize("name", ["soap", "kl_soap"])
def test_no_library_qr_on_a_gpu(stepper: Any, random: Any, name: str) -> None:
    one = stepper(name)
    params = random(0)
    arguments = one.traced, params, one.init(params), params, 1
    lowered = jax.jit(one.step).trace(*arguments).lower(lowering_platforms=("cuda",))
    calls = set(re.findall(r"@(cu\w+)", lowered.as_text()))
    assert not [call for call in calls if "geqrf" in call or "orgqr" in call]
    # The eigenvectors of the first step alone are the library's.
    assert [call for call in calls if "syev" in call]
