"""Curvature products equal the Hessian itself, and sampled gradients have their expectation."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest

from bestiary import models, optimizers
from bestiary.data import Corpus
from bestiary.specs import ModelSpec, RunSpec
from bestiary.train import train
from bestiary.train._curvature import Curvature

pytestmark = pytest.mark.slow

SMALL = ModelSpec(
    layers=1, hidden=4, intermediate=4, heads=1, key_value_heads=1, context=4, vocabulary=5
)


@pytest.fixture(scope="module")
def curvature() -> Curvature:
    tokens = jax.random.randint(jax.random.key(1), (3, 5), 0, 5)
    params = jax.jit(models.init, static_argnums=0)(SMALL, jax.random.key(0))
    return Curvature(SMALL, jnp.float32, tokens, params, jax.random.key(2))


def flat(tree: Any) -> dict[str, jax.Array]:
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {jax.tree_util.keystr(path, simple=True, separator="/"): leaf for path, leaf in leaves}


def test_hessian_vector_is_the_hessian_times_the_vector(curvature: Curvature) -> None:
    vector, unravel = jax.flatten_util.ravel_pytree(curvature.params)
    vector = jnp.cos(jnp.arange(vector.size, dtype=jnp.float32))

    def gradient(params: jax.Array) -> jax.Array:
        of = jax.grad(lambda p: models.loss(p, curvature.sequences, SMALL))(unravel(params))
        return jax.flatten_util.ravel_pytree(of)[0]

    at = jax.flatten_util.ravel_pytree(curvature.params)[0]
    # Central differences of the gradient: nothing of the product's own code.
    step = 1e-2
    gradient = jax.jit(gradient)
    expected = (gradient(at + step * vector) - gradient(at - step * vector)) / (2 * step)
    got = jax.jit(curvature.hessian_vector)(curvature.params, unravel(vector))
    product = jax.flatten_util.ravel_pytree(got)[0]
    scale = float(jnp.abs(expected).max())
    np.testing.assert_allclose(product, expected, atol=0.02 * scale)


def test_flat_and_partial_parameters_are_accepted(curvature: Curvature) -> None:
    params, vector = flat(curvature.params), flat(jax.tree.map(jnp.ones_like, curvature.params))
    product = jax.jit(curvature.hessian_vector)
    nested = product(curvature.params, jax.tree.map(jnp.ones_like, curvature.params))
    whole = product(params, vector)
    assert whole.keys() == params.keys()
    for path, leaf in flat(nested).items():
        np.testing.assert_allclose(whole[path], leaf, atol=1e-6)
    some = {"head": vector["head"]}
    rest = {path: jnp.zeros_like(leaf) for path, leaf in vector.items()} | some
    alone = product({"head": params["head"]}, some)
    np.testing.assert_allclose(alone["head"], product(params, rest)["head"], atol=1e-6)


def test_sampled_gradients_average_to_zero(curvature: Curvature) -> None:
    keys = jax.random.split(curvature.key, 500)

    @jax.jit
    def drawn(keys: jax.Array) -> jax.Array:
        return jax.vmap(lambda key: curvature.sampled_gradient(curvature.params, key)["head"])(keys)

    draws = np.asarray(drawn(keys))
    error = draws.std(0) / np.sqrt(len(keys))
    assert curvature.tokens == 12
    assert np.all(np.abs(draws.mean(0)) < 5 * error + 1e-7)
    assert np.all(draws.std(0) > 0)


def test_an_optimizer_that_needs_it_gets_it(
    make_run: Callable[..., RunSpec],
    corpus: Corpus,
    tmp_path: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A gradient descent that reports a Hessian-vector product every second step, by a branch."""
    seen: list[str] = []

    def rules(hyper: Any, labels: Any) -> Any:
        del labels

        def update(grads: Any, state: Any, params: Any, **extra: Any) -> Any:
            seen.append(type(extra["curvature"]).__name__)

            def refreshed() -> Any:
                return extra["curvature"].hessian_vector(params, grads)

            state = jax.lax.cond(extra["step"] % 2 == 0, refreshed, lambda: state)
            return jax.tree.map(lambda g, h: g + 1e-3 * h, grads, state), state

        direction = optax.GradientTransformationExtraArgs(
            lambda params: jax.tree.map(jnp.zeros_like, params), update
        )
        return optimizers.everywhere(
            optimizers.Rule(
                name="newton-ish", direction=direction, learning_rate=hyper.learning_rate
            )
        )

    entry = replace(optimizers.lookup("adamw"), name="curved", rules=rules, needs_curvature=True)
    monkeypatch.setitem(optimizers.CATALOGUE, "curved", entry)
    runs = [make_run("curved", {"learning_rate": rate}, accumulation=2) for rate in (0.1, 0.2)]
    alone = train(runs[:1], corpus, tmp_path / "alone")[0]
    both = train(runs, corpus, tmp_path / "both")
    assert set(seen) == {"Curvature"}
    assert alone.state == "done"
    assert both[0].loss == pytest.approx(alone.loss, abs=1e-4)
