"""Schedules equal optax's, which the study used, and keep their defining properties."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.errors import UserError
from bestiary.train import factor

STEPS = 40
_NOW = np.arange(61)
_compiled = jax.jit(factor, static_argnums=0)


def factors(kind: str, steps: int = STEPS, **parameters: float) -> np.ndarray:
    defaults = {"warmup_steps": 0.0, "decay_fraction": 1.0, "final_fraction": 0.0}
    given_ = {name: jnp.float32(value) for name, value in {**defaults, **parameters}.items()}
    return np.asarray(_compiled(kind, _NOW, steps=jnp.float32(steps), **given_))[: steps + 1]


def joined(warmup: int, after: optax.Schedule) -> np.ndarray:
    warm = optax.linear_schedule(0.0, 1.0, warmup)
    return np.array([optax.join_schedules([warm, after], [warmup])(s) for s in range(STEPS + 1)])


@pytest.mark.slow
def test_cosine_is_levanters() -> None:
    expected = joined(10, optax.cosine_decay_schedule(1.0, STEPS - 10, alpha=0.1))
    got = factors("cosine", warmup_steps=10.0, final_fraction=0.1)
    np.testing.assert_allclose(got, expected, atol=2e-7)


def test_linear_is_levanters() -> None:
    expected = joined(10, optax.linear_schedule(1.0, 0.2, STEPS - 10))
    got = factors("linear", warmup_steps=10.0, final_fraction=0.2)
    np.testing.assert_allclose(got, expected, atol=2e-7)


def test_wsd_is_levanters() -> None:
    tail = optax.join_schedules(
        [optax.constant_schedule(1.0), optax.linear_schedule(1.0, 0.0, 24)], [STEPS - 24]
    )
    expected = np.array([tail(step) for step in range(STEPS + 1)])
    np.testing.assert_allclose(factors("wsd", decay_fraction=0.6), expected, atol=2e-7)


def test_constant_is_levanters() -> None:
    expected = joined(7, optax.constant_schedule(1.0))
    np.testing.assert_allclose(factors("constant", warmup_steps=7.0), expected, atol=2e-7)


@pytest.mark.parametrize("kind", ["cosine", "linear", "wsd", "constant"])
def test_the_first_step_of_a_warmup_has_rate_zero(kind: str) -> None:
    assert factors(kind, warmup_steps=4.0)[0] == 0.0
    assert factors(kind, warmup_steps=4.0)[4] == 1.0
    assert factors(kind)[0] == 1.0


@pytest.mark.slow
@settings(deadline=None)
@given(
    kind=st.sampled_from(["cosine", "linear", "wsd", "constant"]),
    steps=st.integers(1, 60),
    warmup=st.floats(0, 1),
    decay=st.floats(0, 1),
    final=st.floats(0, 1),
)
def test_rises_then_never_rises_again(
    kind: str, steps: int, warmup: float, decay: float, final: float
) -> None:
    warmup_steps = float(np.float32(warmup * steps))
    got = factors(
        kind,
        steps,
        warmup_steps=warmup_steps,
        decay_fraction=decay,
        final_fraction=final,
    )
    assert np.all((got >= 0) & (got <= 1))
    peak = int(np.ceil(warmup_steps))
    assert np.all(np.diff(got[: min(peak, steps) + 1][:-1]) >= 0)
    assert np.all(np.diff(got[peak:]) <= 1e-6)


@pytest.mark.parametrize("kind", ["cosine", "linear", "wsd"])
def test_a_decay_ends_at_the_final_fraction(kind: str) -> None:
    got = factors(kind, warmup_steps=5.0, final_fraction=0.3)
    assert got[-1] == pytest.approx(0.3, abs=1e-6)
    assert got[-2] > 0.3


def test_linear_is_wsd_that_decays_all_the_time() -> None:
    np.testing.assert_array_equal(
        factors("linear", warmup_steps=6.0), factors("wsd", warmup_steps=6.0, decay_fraction=1.0)
    )


def test_unknown_kind_names_the_nearest() -> None:
    with pytest.raises(UserError, match="did you mean 'cosine'"):
        factors("cosin")
