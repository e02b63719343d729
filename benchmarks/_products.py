"""How fast the model's own matrix products run, with nothing between them.

For every weight W (fan_in, fan_out) and its input x (N, fan_in): y = x W, the gradient of the
input y W^T, and the gradient of the weight x^T y, which becomes the next W. With x scaled so that
x^T x is near the identity, that iteration neither grows nor dies, and no product can be skipped.
"""

import functools
import math
import time

import jax
import jax.numpy as jnp

from bestiary.specs import ModelSpec

_ITERATIONS = 5


def rate(model: ModelSpec, tokens: int) -> float:
    """FLOP/s of the projections and the head, forward and backward, for N = `tokens`."""
    program, inputs, weights = _program(model, tokens)
    jax.block_until_ready(program(inputs, weights))
    began = time.perf_counter()
    jax.block_until_ready(program(inputs, weights))
    seconds = (time.perf_counter() - began) / _ITERATIONS
    return sum(6 * tokens * weight.size for weight in weights) / seconds


@functools.cache
def _program(model: ModelSpec, tokens: int) -> tuple:
    shapes = _shapes(model)
    keys = jax.random.split(jax.random.key(0), 2 * len(shapes))
    draw = jax.jit(jax.random.normal, static_argnums=1)
    inputs = [
        draw(key, (tokens, rows)) / math.sqrt(tokens)
        for key, (rows, _) in zip(keys, shapes, strict=False)
    ]
    weights = [draw(key, shape) for key, shape in zip(keys[len(shapes) :], shapes, strict=True)]
    return jax.jit(_products), inputs, weights


def _shapes(model: ModelSpec) -> list[tuple[int, int]]:
    hidden, wide = model.hidden, model.intermediate
    narrow = model.key_value_heads * model.head_dim
    square = [(hidden, hidden), (hidden, narrow), (hidden, narrow), (hidden, hidden)]
    layer = [*square, (hidden, wide), (hidden, wide), (wide, hidden)]
    return layer * model.layers + [(hidden, model.vocabulary)]


def _products(inputs: list[jax.Array], weights: list[jax.Array]) -> tuple:
    def body(_: int, carry: tuple) -> tuple:
        weights, _ = carry
        forward = [x @ w for x, w in zip(inputs, weights, strict=True)]
        backward = [y @ w.T for y, w in zip(forward, weights, strict=True)]
        return [x.T @ y for x, y in zip(inputs, forward, strict=True)], backward

    return jax.lax.fori_loop(0, _ITERATIONS, body, (weights, [jnp.zeros_like(x) for x in inputs]))
