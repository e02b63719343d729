"""What BLAS gains over XLA's own products on a CPU: loss and gradient of the model, in turns.

Both are compiled in one process on one thread and run in turns, so that the ratio is steadier than
either time. Sizes whose products all lie below `BLAS_FLOPS` are the same program twice: their
ratio is this machine's noise.
"""

import statistics
import time
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bestiary import models
from bestiary.models import _product
from bestiary.specs import SIZES, ModelSpec
from bestiary.train._threads import one_thread

SEQUENCES = {"1m": 16, "4m": 16, "17m": 4}
ROUNDS = 5


def run() -> list[dict[str, Any]]:
    """One row per size: medians of both, and of their ratio in each round."""
    with one_thread():
        return [_row(size, sequences) for size, sequences in SEQUENCES.items()]


def _row(size: str, sequences: int) -> dict[str, Any]:
    model = SIZES[size]
    params = models.init(model, jax.random.key(0))
    rng = np.random.default_rng(0)
    tokens = jnp.asarray(rng.integers(0, model.vocabulary, (sequences, model.context + 1)))
    xla = _compiled(model, params, tokens, from_flops=2**62)
    blas = _compiled(model, params, tokens, from_flops=_product.BLAS_FLOPS)
    rounds = [(xla(params, tokens), blas(params, tokens)) for _ in range(ROUNDS)]
    return {
        "benchmark": "products",
        "size": size,
        "sequences": sequences,
        "xla_ms": 1e3 * statistics.median(one for one, _ in rounds),
        "blas_ms": 1e3 * statistics.median(one for _, one in rounds),
        "ratio": statistics.median(one / other for one, other in rounds),
        "least": min(one / other for one, other in rounds),
        "most": max(one / other for one, other in rounds),
    }


def _compiled(
    model: ModelSpec, params: Any, tokens: jax.Array, from_flops: int
) -> Callable[..., float]:
    """Seconds of one call of the program whose products of so many FLOPs are BLAS."""
    before, _product.BLAS_FLOPS = _product.BLAS_FLOPS, from_flops
    try:
        gradient = jax.value_and_grad(lambda p, t: models.loss(p, t, model))
        program = jax.jit(gradient).lower(params, tokens).compile()
    finally:
        _product.BLAS_FLOPS = before

    def seconds(*arguments: Any) -> float:
        began = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        return time.perf_counter() - began

    seconds(params, tokens)
    return seconds
