"""The model: what must hold for every shape, before any comparison with another implementation."""

import functools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary import models
from bestiary.specs import SIZES, Label, ModelSpec

SMALL = ModelSpec(
    layers=3,
    hidden=32,
    intermediate=48,
    heads=4,
    key_value_heads=2,
    context=16,
    vocabulary=50,
)
TIED = ModelSpec(
    layers=2,
    hidden=24,
    intermediate=64,
    heads=3,
    key_value_heads=3,
    context=16,
    vocabulary=50,
    tied=True,
)
SHAPES = pytest.mark.parametrize("spec", [SMALL, TIED], ids=["grouped", "tied"])


init = jax.jit(models.init, static_argnums=0)
loss = jax.jit(models.loss, static_argnums=(2, 3))
logits = jax.jit(models.logits, static_argnums=(2, 3))


def tokens(spec: ModelSpec, sequences: int = 3, seed: int = 0) -> jax.Array:
    shape = (sequences, spec.context + 1)
    return jax.random.randint(jax.random.key(seed), shape, 0, spec.vocabulary)


@pytest.mark.slow
def test_initialisation_is_the_studys() -> None:
    spec = SIZES["1m"]
    params = init(spec, jax.random.key(1))
    deviation = 0.98658  # of a standard normal truncated at +-3, not rescaled by haliax
    for name, fan_in in {"q": 128, "o": 128, "up": 128, "down": 512}.items():
        matrix = params["layers"][name] * math.sqrt(fan_in)
        assert abs(float(jnp.std(matrix)) - deviation) < 0.01
        assert 2.9 < float(jnp.max(jnp.abs(matrix))) <= 3.0
    assert abs(float(jnp.std(params["embedding"])) * 128 - deviation) < 0.01
    assert abs(float(jnp.std(params["head"])) * math.sqrt(128) - deviation) < 0.01
    assert bool(jnp.all(params["layers"]["mlp_norm"] == 1))


@pytest.mark.slow
def test_layers_and_kinds_are_drawn_independently() -> None:
    layers = init(SMALL, jax.random.key(0))["layers"]
    assert not bool(jnp.any(layers["k"] == layers["v"]))
    assert not bool(jnp.any(layers["q"][0] == layers["q"][1]))


@pytest.mark.slow
@SHAPES
def test_initialisation_is_a_function_of_the_key(spec: ModelSpec) -> None:
    first, again, other = (init(spec, jax.random.key(seed)) for seed in (0, 0, 1))
    jax.tree.map(np.testing.assert_array_equal, first, again)
    assert not bool(jnp.any(first["embedding"] == other["embedding"]))


@pytest.mark.slow
@SHAPES
def test_labels_cover_every_parameter(spec: ModelSpec) -> None:
    params = init(spec, jax.random.key(0))
    labels = models.labels(spec)
    assert jax.tree.structure(params) == jax.tree.structure(labels)

    def check(label: Label, leaf: jax.Array) -> None:
        matrix_rank = 1 if label.role == "vector" else 2
        assert leaf.ndim == matrix_rank + (label.layers > 0)
        assert not label.layers or leaf.shape[0] == label.layers
        assert not label.head_dim or leaf.shape[-1] % label.head_dim == 0

    jax.tree.map(check, labels, params)


@pytest.mark.slow
@SHAPES
def test_loss_is_the_cross_entropy_of_the_logits(spec: ModelSpec) -> None:
    params = init(spec, jax.random.key(0))
    batch = tokens(spec)
    scores = np.asarray(logits(params, batch[:, :-1], spec), np.float64)
    probabilities = np.exp(scores) / np.exp(scores).sum(-1, keepdims=True)
    chosen = np.take_along_axis(probabilities, np.asarray(batch[:, 1:])[..., None], axis=-1)
    np.testing.assert_allclose(loss(params, batch, spec), -np.log(chosen).mean(), rtol=1e-5)


@pytest.mark.slow
@SHAPES
def test_no_position_sees_its_future(spec: ModelSpec) -> None:
    params = init(spec, jax.random.key(0))
    before = tokens(spec)[:, :-1]
    after = before.at[:, 10].set((before[:, 10] + 1) % spec.vocabulary)
    first, second = (logits(params, batch, spec) for batch in (before, after))
    np.testing.assert_array_equal(first[:, :10], second[:, :10])
    assert bool(jnp.all(jnp.any(first[:, 10:] != second[:, 10:], axis=-1)))


@pytest.mark.slow
def test_a_population_trains_as_its_members() -> None:
    params = jax.vmap(lambda key: models.init(SMALL, key))(jax.random.split(jax.random.key(0), 3))
    batches = jnp.stack([tokens(SMALL, seed=seed) for seed in range(3)])
    step = jax.jit(jax.value_and_grad(lambda p, t: models.loss(p, t, SMALL)))
    losses, gradients = jax.jit(jax.vmap(step))(params, batches)
    close = functools.partial(np.testing.assert_allclose, rtol=2e-5, atol=2e-6)
    for member in range(3):
        one = jax.tree.map(lambda leaf, member=member: leaf[member], (params, gradients))
        value, gradient = step(one[0], batches[member])
        np.testing.assert_allclose(losses[member], value, rtol=1e-6)
        jax.tree.map(lambda a, b: close(a, b), one[1], gradient)


@pytest.mark.slow
def test_bfloat16_computes_near_float32_and_keeps_float32_outside() -> None:
    params = init(SMALL, jax.random.key(0))
    batch = tokens(SMALL)
    gradient = jax.jit(jax.value_and_grad(models.loss), static_argnums=(2, 3))
    half = gradient(params, batch, SMALL, jnp.bfloat16)
    full = gradient(params, batch, SMALL)
    assert {leaf.dtype for leaf in jax.tree.leaves(half)} == {jnp.dtype("float32")}
    np.testing.assert_allclose(half[0], full[0], rtol=2e-3)
    assert logits(params, batch, SMALL, jnp.bfloat16).dtype == jnp.float32
