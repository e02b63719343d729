"""The optimizers in programs of Flax NNX and Equinox, as their users write them."""

import os
import subprocess
import sys
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from tests.compiling import QUICK

from bestiary.optimizers import muon, roles

TOKENS = jnp.asarray(np.random.default_rng(0).integers(0, 16, (4, 9)))
# Stored (in, out), by the names that NNX gives.
LABELLED = {
    "embed/embedding": "embedding",
    "head/kernel": "head",
    "norm/bias": "vector",
    "norm/scale": "vector",
    "up/bias": "vector",
    "up/kernel": "hidden_matrix",
}


def cross_entropy(logits_BTV: Any) -> Any:
    return optax.softmax_cross_entropy_with_integer_labels(logits_BTV, TOKENS[:, 1:]).mean()


def flax_model() -> Any:
    nnx = pytest.importorskip("flax.nnx")

    class FlaxModel(nnx.Module):
        def __init__(self, rngs: Any) -> None:
            self.embed = nnx.Embed(16, 8, rngs=rngs)
            self.up = nnx.Linear(8, 8, rngs=rngs)
            self.norm = nnx.LayerNorm(8, rngs=rngs)
            self.head = nnx.Linear(8, 16, use_bias=False, rngs=rngs)

        def __call__(self, tokens_BT: Any) -> Any:
            return self.head(self.norm(nnx.relu(self.up(self.embed(tokens_BT)))))

    return FlaxModel(nnx.Rngs(0))


def equinox_model() -> Any:
    equinox = pytest.importorskip("equinox")

    class EquinoxModel(equinox.Module):
        embed: Any
        up: Any
        head: Any

        def __init__(self, key: Any) -> None:
            first, second, third = jax.random.split(key, 3)
            self.embed = equinox.nn.Embedding(16, 8, key=first)
            self.up = equinox.nn.Linear(8, 12, key=second)
            self.head = equinox.nn.Linear(12, 16, use_bias=False, key=third)

        def __call__(self, token: Any) -> Any:
            return self.head(jax.nn.relu(self.up(self.embed(token))))

    return EquinoxModel(jax.random.key(0))


def test_roles_of_flax_are_read_from_its_names() -> None:
    nnx = pytest.importorskip("flax.nnx")
    found = roles(nnx.state(flax_model(), nnx.Param))
    assert {path: label.role for path, label in found.labels.items()} == LABELLED
    assert not found.unclear


def test_roles_of_equinox_are_read_from_its_names() -> None:
    equinox = pytest.importorskip("equinox")
    found = roles(equinox.filter(equinox_model(), equinox.is_inexact_array))
    assert {path: label.role for path, label in found.labels.items()} == {
        "embed/weight": "embedding",
        "head/weight": "head",
        "up/bias": "vector",
        "up/weight": "hidden_matrix",
    }


@pytest.mark.slow
def test_a_flax_model_trains_as_the_same_parameters_in_a_dictionary() -> None:
    nnx = pytest.importorskip("flax.nnx")
    model = flax_model()
    graph, params = nnx.split(model)
    plain = dict(zip(LABELLED, jax.tree.leaves(params), strict=True))

    def loss(named: Any) -> Any:
        state = jax.tree.unflatten(jax.tree.structure(params), list(named.values()))
        return cross_entropy(nnx.merge(graph, state)(TOKENS[:, :-1]))

    transform = muon(0.02, labels=LABELLED, iterations=1)
    updates, _ = transform.update(jax.grad(loss)(plain), transform.init(plain), plain)
    expected = optax.apply_updates(plain, updates)
    optimizer = nnx.Optimizer(model, muon(0.02, iterations=1), wrt=nnx.Param)
    optimizer.update(model, nnx.grad(lambda model: cross_entropy(model(TOKENS[:, :-1])))(model))
    for after, wanted in zip(
        jax.tree.leaves(nnx.state(model, nnx.Param)), expected.values(), strict=True
    ):
        np.testing.assert_allclose(after, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.slow
def test_an_equinox_model_trains() -> None:
    equinox = pytest.importorskip("equinox")
    model = equinox_model()
    transform = muon(0.05, layout="out_in")
    state = transform.init(equinox.filter(model, equinox.is_inexact_array))

    def loss(model: Any) -> Any:
        return cross_entropy(jax.vmap(jax.vmap(model))(TOKENS[:, :-1]))

    @jax.jit
    def step(arrays: Any, state: Any) -> Any:
        whole = equinox.combine(arrays, rest)
        value, grads = equinox.filter_value_and_grad(loss)(whole)
        updates, state = transform.update(grads, state, arrays)
        return value, optax.apply_updates(arrays, updates), state

    arrays, rest = equinox.partition(model, equinox.is_inexact_array)
    losses = []
    for _ in range(30):
        value, arrays, state = step(arrays, state)
        losses.append(float(value))
    # Tokens at random, of which four sequences can be learnt by heart in part.
    assert losses[-1] < 0.8 * losses[0]


@pytest.mark.slow
def test_states_are_sharded_as_their_parameters() -> None:
    """On two devices, which a process must ask for before JAX starts."""
    program = """
import jax, jax.numpy as jnp
from jax.sharding import AxisType, NamedSharding, PartitionSpec
from bestiary.optimizers import muon
mesh = jax.make_mesh((2,), ("rows",), axis_types=(AxisType.Auto,))
rows = NamedSharding(mesh, PartitionSpec("rows"))
alone = {"up": jnp.eye(8, 16), "bias": jnp.ones(16)}
params = jax.device_put(alone, rows)
optimizer = muon(0.02, iterations=2)
state = optimizer.init(params)
assert all(x.sharding.num_devices == 2 for x in jax.tree.leaves(state) if x.ndim)
updates, state = jax.jit(optimizer.update)(params, state, params)
assert all(x.sharding.num_devices == 2 for x in jax.tree.leaves((updates, state)) if x.ndim)
expected, _ = optimizer.update(alone, optimizer.init(alone), alone)
assert jnp.allclose(updates["up"], expected["up"], atol=1e-6)
"""
    flags = " ".join(["--xla_force_host_platform_device_count=2", *QUICK])
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
