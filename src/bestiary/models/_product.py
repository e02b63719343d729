"""The product of activations with weights, by whichever routine the machine is fastest with.

Shapes: M rows, K inner, N columns.
"""

import functools
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import ShapedArray
from jax.extend.core import Primitive
from jax.interpreters import ad, batching, mlir

from bestiary.models import _blas

# FLOPs of a product from which on a CPU hands it to BLAS. Chosen by shape and never by a timing, so
# that the same spec has the same bits. Below it a call costs what it saves, above it loss and
# gradient take a seventh less (`python -m benchmarks products`, docs/performance.md).
BLAS_FLOPS = 2**29


def product(a_MK: jax.Array, b_KN: jax.Array) -> jax.Array:
    """The matrix product, (M, N) in the type of both operands.

    On a CPU, products in float32 or float64 of `BLAS_FLOPS` and more on one device are SciPy's
    BLAS, all others XLA's; the two differ by rounding. It can be differentiated any number of
    times, mapped and scanned.
    """
    return _bind(a_MK, b_KN, (False, False))


def products_of_a_cpu() -> str:
    """Which routines multiply on a CPU, for a result's environment."""
    if not _blas.available():
        return "XLA's; BLAS is not used, as this jaxlib has another interface for it"
    return f"SciPy's BLAS from {BLAS_FLOPS} FLOPs on, XLA's below"


# An operand may be stored transposed: the two gradients of C = A B are dC B^T and A^T dC.
_primitive = Primitive("matrix_product")


def _bind(a: jax.Array, b: jax.Array, turned: tuple[bool, bool]) -> Any:
    return _primitive.bind(a, b, turned=turned)


def _by_xla(a: jax.Array, b: jax.Array, *, turned: tuple[bool, bool]) -> jax.Array:
    left, right = (
        jnp.swapaxes(one, -1, -2) if flag else one for one, flag in zip((a, b), turned, strict=True)
    )
    return jnp.matmul(left, right)


def _shape(a: ShapedArray, b: ShapedArray, *, turned: tuple[bool, bool]) -> ShapedArray:
    batch = a.shape[:-2] or b.shape[:-2]
    rows = a.shape[-1 if turned[0] else -2]
    return ShapedArray((*batch, rows, b.shape[-2 if turned[1] else -1]), a.dtype)


def _left_gradient(dc: jax.Array, a: Any, b: jax.Array, *, turned: tuple[bool, bool]) -> jax.Array:
    if turned[0]:
        return _as(a, _bind(b, dc, (turned[1], True)))
    return _as(a, _bind(dc, b, (False, not turned[1])))


def _right_gradient(dc: jax.Array, a: jax.Array, b: Any, *, turned: tuple[bool, bool]) -> jax.Array:
    if turned[1]:
        return _as(b, _bind(dc, a, (True, turned[0])))
    return _as(b, _bind(a, dc, (not turned[0], False)))


def _as(operand: Any, gradient: jax.Array) -> jax.Array:
    """Summed over a batch that the operand does not have."""
    return gradient if gradient.ndim == operand.aval.ndim else jnp.sum(gradient, axis=0)


def _mapped(
    operands: tuple[jax.Array, jax.Array],
    axes: tuple[int | None, int | None],
    *,
    turned: tuple[bool, bool],
) -> tuple[Any, int]:
    """A batch becomes a leading axis; a batch of batches is XLA's."""
    mapped = [axis is not None for axis in axes]
    if any(one.ndim - flag > 2 for one, flag in zip(operands, mapped, strict=True)):
        return jax.vmap(functools.partial(_by_xla, turned=turned), axes)(*operands), 0
    a, b = (
        one if axis is None else jnp.moveaxis(one, axis, 0)
        for one, axis in zip(operands, axes, strict=True)
    )
    return _bind(a, b, turned), 0


def _by_xla_on_a_cpu(a: jax.Array, b: jax.Array, *, turned: tuple[bool, bool]) -> jax.Array:
    """The same; A^T B with more rows than columns as (B^T A)^T, which takes XLA half as long."""
    if turned != (True, False) or a.shape[-1] <= b.shape[-1]:
        return _by_xla(a, b, turned=turned)
    narrow = _by_xla(b, a, turned=turned)
    # The barrier keeps XLA from turning it back.
    return jnp.swapaxes(jax.lax.optimization_barrier(narrow), -1, -2)


_lowered_by_xla = mlir.lower_fun(_by_xla, multiple_results=False)
_lowered_by_xla_on_a_cpu = mlir.lower_fun(_by_xla_on_a_cpu, multiple_results=False)


def _lowered_on_a_cpu(context: Any, a: Any, b: Any, *, turned: tuple[bool, bool]) -> Any:
    left, result = context.avals_in[0], context.avals_out[0]
    inner = left.shape[-2 if turned[0] else -1]
    flops = 2 * inner * result.shape[-2] * result.shape[-1]  # of one of a batch
    real = str(left.dtype) in _blas.REALS
    alone = getattr(context.module_context.axis_context, "num_devices", 1) == 1
    if not (flops >= BLAS_FLOPS and real and alone and _blas.available()):
        return _lowered_by_xla_on_a_cpu(context, a, b, turned=turned)
    return jax.ffi.ffi_lowering(_blas.target(str(left.dtype), turned))(context, a, b)


_primitive.def_impl(jax.jit(_by_xla, static_argnames="turned"))
_primitive.def_abstract_eval(_shape)
ad.defbilinear(_primitive, _left_gradient, _right_gradient)
batching.primitive_batchers[_primitive] = _mapped
mlir.register_lowering(_primitive, _lowered_by_xla)
mlir.register_lowering(_primitive, _lowered_on_a_cpu, platform="cpu")
