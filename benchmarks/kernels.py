"""The kernels of 130m on an accelerator, alone: attention, the loss, the gradient of a micro-batch.

Each beside the rate of dense bfloat16 products that the device's maker states. Sixteen sequences of
4,096 tokens, random activations; medians of five. Operations of attention are those of the half
that is not masked; backward counts as two and a half times forward (its scores are computed again).
"""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from bestiary import models
from bestiary.errors import UserError
from bestiary.models import Kernels
from bestiary.models._cross_entropy import cross_entropy
from bestiary.models._kernels import ATTENTION
from bestiary.specs import SIZES

# FLOP/s of dense bfloat16 products, as the makers state them, by JAX's name of the device.
PEAKS = {"NVIDIA H100 80GB HBM3": 989e12, "NVIDIA H200": 989e12, "TPU v5 lite": 197e12}
MODEL, SEQUENCES, SIDE, ROUNDS = SIZES["130m"], 16, 8192, 5
TOKENS = SEQUENCES * MODEL.context


def run() -> list[dict[str, Any]]:
    """One row for each kernel and each way to take the gradient.

    Raises:
        UserError: there is no accelerator.
    """
    device = jax.devices()[0]
    if device.platform == "cpu":
        raise UserError("kernels are of an accelerator, got a CPU; products and training time it")
    kernels = models.kernels_for(MODEL, "bfloat16", device)
    found = [*_ceiling(), *_attention(kernels), *_loss(kernels), *_gradients(kernels)]
    peak = PEAKS.get(device.device_kind)
    return [
        {
            "benchmark": "kernels",
            "device": device.device_kind,
            "what": what,
            "ms": 1e3 * seconds,
            "tflops": flops / seconds / 1e12,
            "peak_percent": 100 * flops / seconds / peak if peak else "",
            "temporary_gb": held / 1e9,
        }
        for what, flops, seconds, held in found
    ]


Row = tuple[str, float, float, int]


def _ceiling() -> Iterator[Row]:
    a = jax.random.normal(jax.random.key(0), (SIDE, SIDE), jnp.bfloat16)
    yield f"product of {SIDE} x {SIDE}", 2.0 * SIDE**3, *_timed(lambda a: a @ a, a)


def _attention(kernels: Kernels) -> Iterator[Row]:
    shape = (SEQUENCES, MODEL.context, MODEL.heads, MODEL.head_dim)
    q, k, v, do = (jax.random.normal(one, shape, jnp.bfloat16) for one in _keys(4))
    flops = 2.0 * TOKENS * MODEL.context * MODEL.hidden
    for name in dict.fromkeys((kernels.attention, "chunked")):
        form = ATTENTION[name].compute
        yield f"attention {name}, forward", flops, *_timed(form, q, k, v)
        both = lambda q, k, v, do, form=form: jax.vjp(form, q, k, v)[1](do)  # noqa: E731
        yield f"attention {name}, both", 3.5 * flops, *_timed(both, q, k, v, do)


def _loss(kernels: Kernels) -> Iterator[Row]:
    x_ND = jax.random.normal(jax.random.key(0), (TOKENS, MODEL.hidden), jnp.bfloat16)
    head_DV = 0.02 * jax.random.normal(jax.random.key(1), (MODEL.hidden, MODEL.vocabulary))
    targets_N = jax.random.randint(jax.random.key(2), (TOKENS,), 0, MODEL.vocabulary)

    def loss(x_ND: jax.Array, head_DV: jax.Array) -> jax.Array:
        return cross_entropy(x_ND, head_DV, targets_N, logits=kernels.logits)

    flops = 6.0 * TOKENS * MODEL.hidden * MODEL.vocabulary
    yield "cross-entropy, both", flops, *_timed(jax.value_and_grad(loss, (0, 1)), x_ND, head_DV)


def _gradients(kernels: Kernels) -> Iterator[Row]:
    """Of a micro-batch, by what is kept: all activations unrolled, all in a loop, or few."""
    params = jax.jit(lambda: models.init(MODEL, jax.random.key(0)))()
    ways = {
        "activations kept": replace(kernels, recompute=False),
        "activations kept, a loop": replace(kernels, recompute=False, unrolled=0),
        "activations computed again": replace(kernels, recompute=True),
    }
    for name, way in ways.items():
        for sequences in (SEQUENCES // 2, SEQUENCES):
            shape = (sequences, MODEL.context + 1)
            tokens = jax.random.randint(jax.random.key(1), shape, 0, MODEL.vocabulary)

            def gradient(params: Any, tokens: jax.Array, way: Kernels = way) -> Any:
                loss = lambda p: models.loss(p, tokens, MODEL, jnp.bfloat16, kernels=way)  # noqa: E731
                return jax.value_and_grad(loss)(params)

            flops = float(sequences * MODEL.context * MODEL.flops_per_token)
            yield (
                f"gradient of {sequences} sequences, {name}",
                flops,
                *_timed(gradient, params, tokens),
            )


def _keys(count: int) -> jax.Array:
    return jax.random.split(jax.random.key(0), count)


def _timed(function: Callable[..., Any], *arguments: Any) -> tuple[float, int]:
    """The median of its seconds, and the bytes that it holds in between."""
    program = jax.jit(function).lower(*arguments).compile()
    jax.block_until_ready(program(*arguments))
    seconds = []
    for _ in range(ROUNDS):
        begun = time.perf_counter()
        jax.block_until_ready(program(*arguments))
        seconds.append(time.perf_counter() - begun)
    return float(np.median(seconds)), program.memory_analysis().temp_size_in_bytes
