"""The paths a model takes for speed or memory give what the plain path gives."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from msgspec.structs import replace
from tests.compiling import AS_USERS_COMPILE

from bestiary import models
from bestiary.models import _attention, _embedding, _layers
from bestiary.specs import SIZES, ModelSpec

pytestmark = pytest.mark.slow

SPEC = ModelSpec(
    layers=2,
    hidden=16,
    intermediate=24,
    heads=4,
    key_value_heads=2,
    context=13,
    vocabulary=29,
)
PATHS = {
    "attention in chunks": (_attention, "_CHUNK", 4),
    "gathered embedding": (_embedding, "_ONE_HOT", 0),
}
LOOP = models.Kernels(unrolled=1)


def loss_and_gradient(
    spec: ModelSpec, kernels: models.Kernels = models.REFERENCE
) -> tuple[jax.Array, Any]:
    params, tokens, loss = problem(spec, kernels)
    return jax.jit(loss)(params, tokens)


def problem(spec: ModelSpec, kernels: models.Kernels) -> tuple[Any, jax.Array, Callable[..., Any]]:
    """Parameters, tokens, and what gives the loss of both and its gradient."""
    params = models.init(spec, jax.random.key(0))
    tokens = jax.random.randint(jax.random.key(1), (3, spec.context + 1), 0, spec.vocabulary)
    return params, tokens, jax.value_and_grad(lambda p, t: models.loss(p, t, spec, kernels=kernels))


def close(first: Any, second: Any) -> None:
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=2e-5, atol=5e-7), first, second)


@pytest.fixture(scope="module")
def expected() -> tuple[jax.Array, Any]:
    return loss_and_gradient(SPEC)


@pytest.mark.parametrize("path", PATHS)
def test_paths_agree(
    path: str, expected: tuple[jax.Array, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    module, limit, value = PATHS[path]
    assert getattr(module, limit) != value
    monkeypatch.setattr(module, limit, value)
    close(loss_and_gradient(SPEC), expected)


def test_a_loss_in_padded_chunks_agrees(expected: tuple[jax.Array, Any]) -> None:
    close(loss_and_gradient(SPEC, models.Kernels(logits=29 * 7)), expected)


def test_a_loop_over_layers_agrees(
    expected: tuple[jax.Array, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    close(loss_and_gradient(SPEC, LOOP), expected)
    monkeypatch.setattr(_layers, "UNROLLED_LAYERS", 1)
    close(loss_and_gradient(SPEC, models.Kernels(recompute=True)), expected)
    monkeypatch.setattr(_layers, "recomputes", lambda *_: True)
    close(loss_and_gradient(SPEC, LOOP), expected)


@pytest.mark.rare
def test_the_bits_do_not_depend_on_what_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """So the memory at hand may decide: another machine gives the same run."""
    monkeypatch.setattr(_layers, "UNROLLED_LAYERS", 1)
    (kept, kept_bytes), (again, again_bytes) = (
        as_users_compile(replace(SPEC, layers=3), models.Kernels(unrolled=1, recompute=recompute))
        for recompute in (False, True)
    )
    assert again_bytes < kept_bytes
    jax.tree.map(np.testing.assert_array_equal, again, kept)


def as_users_compile(spec: ModelSpec, kernels: models.Kernels) -> tuple[Any, int]:
    """Loss and gradient, and the bytes of what the program holds in between."""
    params, tokens, loss = problem(spec, kernels)
    program = jax.jit(loss).lower(params, tokens).compile(AS_USERS_COMPILE)
    return program(params, tokens), program.memory_analysis().temp_size_in_bytes


@pytest.mark.parametrize(
    ("size", "sequences", "recomputed"), [("17m", 2, False), ("130m", 8, True)]
)
def test_large_models_are_a_loop_whose_layers_are_recomputed_where_memory_matters(
    size: str, sequences: int, recomputed: bool
) -> None:
    spec = SIZES[size]
    params = jax.eval_shape(lambda: models.init(spec, jax.random.key(0)))
    tokens = jax.ShapeDtypeStruct((sequences, spec.context + 1), jnp.int32)
    text = str(jax.make_jaxpr(jax.grad(lambda p, t: models.loss(p, t, spec)))(params, tokens))
    assert f"length={spec.layers}" in text
    assert ("checkpoint" in text or "remat" in text) == recomputed
    whole = sequences * spec.context * spec.vocabulary
    assert (f"f32[{whole // spec.vocabulary},{spec.vocabulary}]" in text) == (whole <= 2**27)


def test_attention_is_the_textbooks() -> None:
    key = jax.random.split(jax.random.key(0), 4)
    q, do = (jax.random.normal(one, (2, 21, 6, 4)) for one in key[:2])
    k, v = (jax.random.normal(one, (2, 21, 3, 4)) for one in key[2:])

    def textbook(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
        return jax.nn.dot_product_attention(q, k, v, is_causal=True)

    expected, derive = jax.vjp(textbook, q, k, v)
    actual, derive_ours = jax.vjp(_attention.causal_attention, q, k, v)
    close((actual, derive_ours(do)), (expected, derive(do)))


def test_the_curvature_is_the_change_of_the_gradient() -> None:
    """Forward over reverse through every hand-written gradient, as Hessian products need it."""
    params = models.init(SPEC, jax.random.key(0))
    tokens = jax.random.randint(jax.random.key(1), (2, SPEC.context + 1), 0, SPEC.vocabulary)
    direction = jax.tree.map(lambda leaf: 0.1 * jnp.cos(1 + jnp.arange(leaf.size)), params)
    direction = jax.tree.map(lambda d, leaf: d.reshape(leaf.shape), direction, params)
    gradient = jax.jit(jax.grad(lambda p: models.loss(p, tokens, SPEC)))

    def moved(step: float) -> Any:
        return gradient(jax.tree.map(lambda leaf, d: leaf + step * d, params, direction))

    product = jax.jit(lambda p, d: jax.jvp(gradient, (p,), (d,))[1])(params, direction)
    step = 2.0**-8
    change = jax.tree.map(lambda a, b: (a - b) / (2 * step), moved(step), moved(-step))
    product, change = (
        jnp.concatenate([x.ravel() for x in jax.tree.leaves(t)]) for t in (product, change)
    )
    assert float(jnp.linalg.norm(product - change)) < 2e-3 * float(jnp.linalg.norm(product))
