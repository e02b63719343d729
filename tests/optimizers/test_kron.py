"""Kron fits on schedule, whitens what it is fitted to, and its modern form solves nothing."""

import math
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.optimizers import _psgd as psgd
from bestiary.optimizers._kronecker import Factors
from bestiary.optimizers._psgd_schedule import fit_is_due

pytestmark = pytest.mark.slow


def test_fits_are_counted_as_in_the_references() -> None:
    flat, decay, least = 20, 0.01, 0.05
    waited, fits, expected = 0, 0, []
    for t in range(1, 801):
        waited += 1
        due = waited >= 1 / min(1.0, max(least, math.exp(-decay * (t - flat))))
        waited, fits = (0, fits + 1) if due else (waited, fits)
        expected.append((due, due and fits % 100 == 0))
    steps = jnp.arange(800)
    found = jax.vmap(lambda step: fit_is_due(step, flat=flat, decay=decay, least=least))(steps)
    np.testing.assert_array_equal(np.stack(found, axis=1), np.array(expected))
    assert sum(balances for _, balances in expected) == 1


@pytest.mark.parametrize("form", ["eq", "q0.5eq1.5"])
def test_a_fitted_preconditioner_whitens(form: str) -> None:
    mix = np.diag([4.0, 1.0, 0.3]) + 0.2
    whole = (np.zeros((1, 3), bool), np.zeros((1, 4), bool))

    def fit(before: psgd.Fitted, key: Any) -> tuple[psgd.Fitted, None]:
        keys = jax.random.split(key)
        x_GMN, probe_GMN = (jax.random.normal(one, (1, 3, 4)) for one in keys)
        x_GMN = mix @ x_GMN
        if form == "eq":
            return psgd.fitted_eq(before, x_GMN, probe_GMN, 0.05), None
        return psgd.fitted_without_solves(before, x_GMN, 0.05, whole), None

    start = psgd.Fitted(
        Factors(jnp.eye(3)[None], jnp.eye(4)[None]), Factors(jnp.zeros(1), jnp.zeros(1))
    )
    after, _ = jax.lax.scan(fit, start, jax.random.split(jax.random.key(0, impl="rbg"), 1500))
    # P is the inverse square root of the covariance M M^T x I.
    left, right = (np.asarray(q.mT @ q)[0] for q in after.factors if q is not None)
    scale = np.trace(right) / 4
    values, vectors = np.linalg.eigh(mix @ mix.T)
    np.testing.assert_allclose(right / scale, np.eye(4), atol=0.3)
    np.testing.assert_allclose(
        left * scale, vectors @ np.diag(values**-0.5) @ vectors.T, rtol=0.3, atol=0.3
    )


def test_balancing_keeps_the_preconditioner() -> None:
    rng = np.random.default_rng(0)
    q = Factors(*(jnp.asarray(rng.standard_normal((2, n, n)), jnp.float32) for n in (3, 4)))
    q = q._replace(right=100 * q.right)
    x_GMN = jnp.asarray(rng.standard_normal((2, 3, 4)), jnp.float32)
    level = psgd.balanced(q)
    largest = [jnp.max(jnp.abs(side), axis=(1, 2)) for side in level if side is not None]
    np.testing.assert_allclose(*largest, rtol=1e-5)
    np.testing.assert_allclose(
        psgd.preconditioned(x_GMN, level), psgd.preconditioned(x_GMN, q), rtol=1e-3
    )


@pytest.mark.parametrize(("form", "solves"), [("eq", True), ("q0.5eq1.5", False)])
def test_only_the_form_of_the_study_solves(
    stepper: Any, random: Any, form: str, solves: bool
) -> None:
    one = stepper("kron", form=form)
    params = random(0)
    program = jax.make_jaxpr(one.step)(one.traced, params, one.init(params), params, 0)
    assert ("triangular_solve" in str(program)) == solves
