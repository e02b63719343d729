"""What the first steps of each rule do, where that is peculiar to it."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest


def first(stepper: Any, random: Any, name: str, **settings: Any) -> tuple[Any, Any]:
    """Parameters and state after step 0 on the gradient `random(1)`."""
    one = stepper(name, max_grad_norm=0.0, **settings)
    return one.compiled(one.traced, random(1), one.init(random(0)), random(0), 0)


def close(left: Any, right: Any, tolerance: float = 1e-6) -> None:
    for a, b in zip(jax.tree.leaves(left), jax.tree.leaves(right), strict=True):
        np.testing.assert_allclose(a, b, rtol=0, atol=tolerance)


@pytest.mark.parametrize(("name", "settings"), [("adopt", {}), ("soap", {"flavour": "official"})])
def test_it_only_initialises(stepper: Any, random: Any, name: str, settings: Any) -> None:
    params, _ = first(stepper, random, name, **settings)
    close(params, random(0), 0.0)


def test_soap_as_the_study_ran_it_only_decays(stepper: Any, random: Any) -> None:
    params, _ = first(stepper, random, "soap", learning_rate=0.1, weight_decay=0.5)
    close(params["layers"]["q"], 0.95 * random(0)["layers"]["q"])
    close(params["embedding"], random(0)["embedding"], 0.0)


def test_mars_begins_with_1475_thousandths_of_the_gradient(stepper: Any, random: Any) -> None:
    _, state = first(stepper, random, "mars")
    close(state["mars"].adam.mu["layers/q"] / 0.05, 1.475 * random(1)["layers"]["q"], 1e-5)
    close(state["mars"].previous["layers/q"], random(1)["layers"]["q"], 0.0)


def test_cautious_begins_as_adamw(stepper: Any, random: Any) -> None:
    same = {"beta1": 0.9, "beta2": 0.98, "epsilon": 1e-15, "learning_rate": 0.01}
    close(first(stepper, random, "cautious", **same)[0], first(stepper, random, "adamw", **same)[0])


@pytest.mark.parametrize("name", ["sophia", "sophia_g"])
def test_sophia_steps_by_the_sign_until_it_knows_curvature(
    stepper: Any, random: Any, name: str
) -> None:
    one = stepper(name, learning_rate=0.01, weight_decay=0.0, max_grad_norm=0.0)
    grads = random(1, scale=0.01)
    before = params = random(0)
    state = one.init(params)
    for count in range(11):
        before, (params, state) = params, one.compiled(one.traced, grads, state, params, count)
        step = jax.tree.map(lambda a, b: (a - b) / 0.01, before, params)
        if count < 10:
            close(step, jax.tree.map(jnp.sign, grads), 1e-4)
    assert all(bool(jnp.any(jnp.abs(leaf) < 0.9)) for leaf in jax.tree.leaves(step))


def test_schedule_free_begins_where_its_mean_is_its_iterate(stepper: Any, random: Any) -> None:
    params, state = first(stepper, random, "schedule_free")
    fast = state["schedule_free"].fast
    close(params["layers"]["q"], fast["layers/q"])
    close(params["norm"], fast["norm"])


def test_ademamix_begins_without_its_slow_mean(stepper: Any, random: Any) -> None:
    late = {"beta1": 0.9, "beta2": 0.95, "epsilon": 1e-15, "learning_rate": 0.01}
    mixed, _ = first(stepper, random, "ademamix", slow_warmup_steps=1e9, **late)
    close(mixed, first(stepper, random, "adamw", **late)[0], 1e-5)


def test_splus_begins_with_the_sign(stepper: Any, random: Any) -> None:
    params, _ = first(stepper, random, "splus", learning_rate=1.0, weight_decay=0.0)
    for kind, width in (("q", 8), ("up", 10), ("down", 10)):
        step = random(0)["layers"][kind] - params["layers"][kind]
        close(step, jnp.sign(random(1)["layers"][kind]) / width)


def test_shampoo_is_adam_until_its_first_roots(train: Any) -> None:
    same = {"beta1": 0.9, "beta2": 0.95, "learning_rate": 0.01, "max_grad_norm": 0.0}
    roots = {"precondition_frequency": 5, "graft_epsilon": 1e-8}
    for steps, equal in ((4, True), (5, False)):
        seen, _ = train("shampoo", steps=steps, **roots, **same)
        adamw, _ = train("adamw", steps=steps, epsilon=1e-8, **same)
        near = jax.tree.map(lambda a, b: jnp.allclose(a, b, atol=1e-6), seen, adamw)
        assert bool(near["layers"]["q"]) == bool(near["embedding"]) == equal
