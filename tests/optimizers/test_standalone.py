"""`standalone` lets any of the optimizers run in any optax program."""

from typing import Any

import jax
import jax.numpy as jnp
import optax

from bestiary.optimizers import standalone


def test_it_passes_the_number_of_steps_taken() -> None:
    spy = optax.GradientTransformationExtraArgs(
        lambda params: jnp.zeros(()),
        lambda grads, state, params, *, step: (jnp.float32(step) * grads, state),
    )
    alone = standalone(spy)
    state = alone.init(jnp.ones(2))
    seen = []
    for _ in range(3):
        updates, state = jax.jit(alone.update)(jnp.ones(2), state, jnp.ones(2))
        seen.append(float(updates[0]))
    assert seen == [0.0, 1.0, 2.0]


def test_it_runs_in_an_optax_chain(stepper: Any, random: Any) -> None:
    one = stepper("muon")
    chain = optax.chain(standalone(one.transform), optax.scale(0.5))
    params, state = random(0), chain.init(random(0))
    updates, _ = jax.jit(chain.update)(random(1), state, params)
    after, _ = one.compiled(one.traced, random(1), one.init(params), params, 0)
    assert jax.tree.all(
        jax.tree.map(lambda p, u, q: jnp.allclose(p + 2 * u, q, atol=1e-5), params, updates, after)
    )
