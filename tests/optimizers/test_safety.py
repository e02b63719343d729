"""Finite gradients keep parameters finite, whatever they hold; others make every rule diverge."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.optimizers import CATALOGUE, resolve
from bestiary.specs import Label

NAMES = tuple(CATALOGUE)
# Every optimizer at its defaults, and every preset that is something else.
VARIANTS = [(name, "") for name in NAMES] + [
    (name, preset)
    for name, entry in CATALOGUE.items()
    for preset, values in entry.presets.items()
    if resolve(name, values) != resolve(name, {})
]
KINDS = ("full", "zero", "one entry", "rank one")
# A parameter of each role, where one will do: compiling is what takes time.
ONE_EACH = {
    "embedding": Label(role="embedding", kind="embedding"),
    "head": Label(role="head", kind="head"),
    "norm": Label(role="vector", kind="norm", layers=3),
    "up": Label(role="hidden_matrix", kind="up", layers=3),
}


def gradient(shape: tuple[int, ...], kind: str, exponent: int, seed: int) -> np.ndarray:
    """An array of about 10^exponent; from -45 to -38 that is a denormal float32."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_normal(shape)
    if kind == "zero":
        noise = np.zeros(shape)
    elif kind == "one entry":
        # Ordinary entries, and one of 10^exponent.
        noise.flat[rng.integers(noise.size)] = 10.0**exponent
        return noise.astype(np.float32)
    elif kind == "rank one" and len(shape) > 1:
        noise = noise[..., :1] * noise[..., :1, :]
    return (noise * 10.0**exponent).astype(np.float32)


@st.composite
def gradients(draw: Any, params: Any, highest: int) -> Any:
    """A tree of gradients, every leaf of its own kind and magnitude."""
    leaves, structure = jax.tree.flatten(params)
    drawn = st.tuples(st.sampled_from(KINDS), st.integers(-45, highest), st.integers(0, 9))
    return structure.unflatten([gradient(leaf.shape, *draw(drawn)) for leaf in leaves])


def assert_finite(tree: Any) -> None:
    for leaf in jax.tree.leaves(tree):
        assert np.isfinite(np.asarray(leaf, np.float32)).all()


@st.composite
def shocks_of(draw: Any, params: Any) -> tuple[float, list[Any]]:
    """A largest norm, and some gradients; unclipped, their squares are representable."""
    max_norm = draw(st.sampled_from([0.0, 1.0]))
    highest = 30 if max_norm else 15
    return max_norm, draw(st.lists(gradients(params, highest), min_size=1, max_size=3))


@pytest.mark.parametrize(("name", "preset"), VARIANTS)
def test_parameters_stay_finite(stepper: Any, random: Any, name: str, preset: str) -> None:
    entry = CATALOGUE[name]
    one = stepper(name, **entry.presets.get(preset, {}))

    @settings(max_examples=12, deadline=None, derandomize=True, database=None)
    @given(shocks_of(random(0)))
    def check(drawn: tuple[float, list[Any]]) -> None:
        max_norm, shocks = drawn
        traced = {**one.traced, "max_grad_norm": np.asarray(max_norm)}
        params = random(0)
        state = one.init(params)
        # After a shock ordinary gradients must still work.
        for count, grads in enumerate([random(1), *shocks, random(2)]):
            params, state = one.compiled(traced, grads, state, params, count)
        assert_finite(params)
        assert_finite(entry.evaluation_params(state, params))

    check()


# A constrained Scion decays everything, by the inverse of its radius.
UNCONSTRAINED = [variant for variant in VARIANTS if variant != ("scion", "official")]


@pytest.mark.parametrize(("name", "preset"), UNCONSTRAINED)
def test_what_has_no_gradient_stays(stepper: Any, random: Any, name: str, preset: str) -> None:
    """Neither a parameter nor a layer of a stack: decay alone would move them, and is off."""
    one = stepper(name, **CATALOGUE[name].presets.get(preset, {}))
    traced = {**one.traced, "weight_decay": np.asarray(0.0)}
    before = params = random(0)
    state = one.init(params)

    def still(tree: Any) -> list[Any]:
        layers = tree["layers"]
        return [tree["norm"], layers["q"], layers["up"][1], layers["norm"][2]]

    for count in range(5):
        grads = random(count)
        layers = grads["layers"]
        grads["norm"] = jnp.zeros_like(grads["norm"])
        layers["q"] = jnp.zeros_like(layers["q"])
        layers["up"] = layers["up"].at[1].set(0.0)
        layers["norm"] = layers["norm"].at[2].set(0.0)
        params, state = one.compiled(traced, grads, state, params, count)
    for left, right in zip(still(params), still(before), strict=True):
        np.testing.assert_array_equal(left, right)
    assert bool(jnp.any(params["layers"]["up"][2] != before["layers"]["up"][2]))


@pytest.mark.parametrize("name", NAMES)
def test_bfloat16_parameters_stay_finite_and_move(stepper: Any, random: Any, name: str) -> None:
    # A step of SPlus on vectors is below the resolution of bfloat16 otherwise.
    one = stepper(name, ONE_EACH, **({"other_factor": 0.1} if name == "splus" else {}))
    start = random(0)
    params = {kind: {**start, **start["layers"]}[kind].astype(jnp.bfloat16) for kind in ONE_EACH}
    before, state = params, one.init(params)
    rank_one = jax.tree.map(lambda x: jnp.full_like(x, 1e-6), params)
    shocks = [rank_one, *(jax.tree.map(lambda x, f=f: f * x, params) for f in (1e30, 1e-38, 1.0))]
    for count, grads in enumerate(shocks):
        params, state = one.compiled(one.traced, grads, state, params, count)
    assert_finite(params)
    assert all(leaf.dtype == jnp.bfloat16 for leaf in jax.tree.leaves(params))
    moved = jax.tree.map(lambda a, b: bool(jnp.any(a != b)), before, params)
    assert all(jax.tree.leaves(moved))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("soap", {"max_dimension": 6, "block_size": 0}),
        ("splus", {"max_dimension": 6}),
        ("soap", {"max_dimension": 2, "block_size": 0, "flavour": "official"}),
    ],
)
def test_small_columns_move_where_no_rotation_mixes_them_with_large_ones(
    stepper: Any, name: str, settings: Any
) -> None:
    """The rounding of a rotation is relative to what it mixes, not to a whole block."""
    one = stepper(name, {"w": Label(role="hidden_matrix", kind="up")}, **settings)
    rng = np.random.default_rng(0)
    sizes = np.where(np.arange(12) == 5, 1e-9, 1.0)
    before = params = {"w": jnp.zeros((4, 12))}
    state = one.init(params)
    for count in range(4):
        grads = {"w": jnp.asarray(rng.standard_normal((4, 12)) * sizes, jnp.float32)}
        params, state = one.compiled(one.traced, grads, state, params, count)
    moved = jnp.linalg.norm(params["w"] - before["w"], axis=0)
    assert float(moved[5]) > 0.2 * float(jnp.median(moved))


# Without clipping the sign of infinity is 1, as in their authors' code.
SIGNED = ("adamuon", "splus")


@pytest.mark.parametrize(("name", "preset"), VARIANTS)
def test_a_gradient_that_is_not_finite_makes_the_run_diverge(
    stepper: Any, random: Any, name: str, preset: str
) -> None:
    """No rule may skip it: divergence is a result, and must be the same result for all."""
    one = stepper(name, **CATALOGUE[name].presets.get(preset, {}))
    traced = {**one.traced, "max_grad_norm": np.asarray(1.0)}
    for value in (np.nan,) if name in SIGNED else (np.nan, np.inf):
        params = random(0)
        state = one.init(params)
        odd = jax.tree.map(lambda leaf, value=value: leaf.at[..., 0].set(value), random(1))
        # The rules without a first step begin with the second; nothing may hide it later.
        for count, grads in enumerate([random(1), odd, random(2)]):
            params, state = one.compiled(traced, grads, state, params, count)
        for path, leaf in jax.tree_util.tree_leaves_with_path(params):
            assert not np.isfinite(leaf).all(), (path, value)
