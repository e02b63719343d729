"""The product through BLAS: XLA's to rounding in every use, and never silently wrong."""

import functools
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from bestiary.models import _blas, _product
from bestiary.models._product import product

M, K, N = 5, 7, 3


@pytest.fixture
def blas_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_product, "BLAS_FLOPS", 1)
    assert _blas.available()


def drawn(*shape: int, dtype: str = "float32") -> jax.Array:
    return jnp.asarray(np.random.default_rng(sum(shape)).standard_normal(shape), dtype)


def compiled(function: Callable[..., Any], *arguments: jax.Array) -> tuple[Any, str]:
    """What a fresh compilation of a function gives, and its program."""
    program = jax.jit(lambda *given: function(*given)).lower(*arguments).compile()
    return program(*arguments), program.as_text()


def matmul(a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.matmul(a, b)


def objective(multiply: Callable, a: jax.Array, b: jax.Array) -> jax.Array:
    return jnp.sum(jnp.sin(multiply(a, b)))


def hessian_product(multiply: Callable, a: jax.Array, b: jax.Array) -> jax.Array:
    gradient = jax.grad(functools.partial(objective, multiply), argnums=(0, 1))
    return jax.jvp(gradient, (a, b), (jnp.cos(a), jnp.sin(b)))[1]


def summed_over_a_batch(multiply: Callable, a: jax.Array, b: jax.Array) -> jax.Array:
    def loss(a: jax.Array, b: jax.Array) -> jax.Array:
        return jnp.sum(jax.vmap(lambda s: objective(multiply, s * a, b))(jnp.arange(1.0, 4.0)))

    return jax.grad(loss, argnums=(0, 1))(a, b)


def scanned(multiply: Callable, a: jax.Array, b: jax.Array) -> jax.Array:
    def step(carry: jax.Array, scale: jax.Array) -> tuple[jax.Array, jax.Array]:
        return carry + multiply(a * scale, b), carry.sum()

    return jax.lax.scan(step, jnp.zeros((M, N), a.dtype), jnp.arange(3.0, dtype=a.dtype))


USES = {
    "itself": lambda multiply, a, b: multiply(a, b),
    "gradient": lambda multiply, a, b: jax.grad(
        functools.partial(objective, multiply), argnums=(0, 1)
    )(a, b),
    "hessian_product": hessian_product,
    "summed_over_a_batch": summed_over_a_batch,
    "scan": scanned,
    "checkpoint": lambda multiply, a, b: jax.grad(
        jax.checkpoint(functools.partial(objective, multiply))
    )(a, b),
}


@pytest.mark.usefixtures("blas_for_all")
@pytest.mark.parametrize("use", USES)
def test_it_is_xlas_to_rounding(use: str) -> None:
    a, b = drawn(M, K), drawn(K, N)
    ours, program = compiled(functools.partial(USES[use], product), a, b)
    theirs = jax.jit(functools.partial(USES[use], matmul))(a, b)
    assert "bestiary_product" in program
    for one, other in zip(jax.tree.leaves(ours), jax.tree.leaves(theirs), strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-5, atol=2e-5)


@pytest.mark.usefixtures("blas_for_all")
@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0), (2, 1)])
def test_a_member_of_a_batch_is_itself_to_the_bit(axes: tuple[int | None, int | None]) -> None:
    a, b = drawn(4, M, K), drawn(4, K, N)
    left = a[0] if axes[0] is None else jnp.moveaxis(a, 0, axes[0])
    right = b[0] if axes[1] is None else jnp.moveaxis(b, 0, axes[1])
    together, program = compiled(jax.vmap(product, axes), left, right)
    assert "bestiary_product" in program
    for index in range(4):
        alone = (a[0 if axes[0] is None else index], b[0 if axes[1] is None else index])
        np.testing.assert_array_equal(together[index], compiled(product, *alone)[0])


@pytest.mark.usefixtures("blas_for_all")
def test_a_batch_of_batches_is_right_too() -> None:
    a, b = drawn(2, M, K), drawn(3, K, N)
    table = jax.vmap(jax.vmap(product, (None, 0)), (0, None))
    np.testing.assert_allclose(
        compiled(table, a, b)[0], jnp.einsum("pmk,qkn->pqmn", a, b), rtol=2e-5, atol=2e-5
    )


@pytest.mark.usefixtures("blas_for_all")
def test_in_float64_it_is_numpys() -> None:
    with jax.enable_x64(True):
        a, b = drawn(M, K, dtype="float64"), drawn(K, N, dtype="float64")
        ours, program = compiled(product, a, b)
    assert "bestiary_product_float64" in program
    np.testing.assert_allclose(ours, np.asarray(a) @ np.asarray(b), rtol=1e-14)


def test_the_shape_and_the_type_decide_and_nothing_else() -> None:
    rows, inner, columns = 2**10, 2**9, 2**9  # 2**29 FLOPs
    sizes = [(rows, inner, columns), (rows - 1, inner, columns)]
    named = [
        jax.jit(product).lower(drawn(m, k), drawn(k, n)).as_text().count("bestiary_product_float32")
        for m, k, n in sizes
    ]
    assert named == [1, 0]
    half = drawn(rows, inner).astype(jnp.bfloat16), drawn(inner, columns).astype(jnp.bfloat16)
    assert "bestiary_product" not in jax.jit(product).lower(*half).as_text()


@pytest.mark.usefixtures("blas_for_all")
def test_another_interface_means_xlas_product(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_blas, "available", lambda: False)
    assert "bestiary_product" not in compiled(product, drawn(M, K), drawn(K, N))[1]
    assert "BLAS is not used" in _product.products_of_a_cpu()


def test_a_handler_that_fails_is_an_error_and_not_a_number() -> None:
    def broken(*_: Any) -> None:
        raise MemoryError("no room")

    handler = _blas._Handler(_blas._handle(broken))
    _blas._handlers.append(handler)
    jax.ffi.register_ffi_target("bestiary_broken", jax.ffi.pycapsule(handler), platform="cpu")
    call = jax.ffi.ffi_call("bestiary_broken", jax.ShapeDtypeStruct((M, N), jnp.float32))
    with pytest.raises(jax.errors.JaxRuntimeError, match="no room"):
        jax.block_until_ready(jax.jit(call)(drawn(M, K), drawn(K, N)))
