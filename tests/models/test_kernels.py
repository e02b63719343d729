"""Each kernel is the reference; a device has the one made for it, or says that it has not."""

from functools import partial
from types import SimpleNamespace
from typing import Any

import jax
import jax.numpy as jnp
import msgspec
import numpy as np
import pytest
from jax._src.cudnn import fused_attention_stablehlo

from bestiary import models
from bestiary.errors import UserError
from bestiary.models._attention import causal_attention
from bestiary.models._cudnn import cudnn_attention
from bestiary.models._kernels import ATTENTION
from bestiary.models._splash import splash_attention
from bestiary.specs import SIZES

CPU, TPU = (SimpleNamespace(platform=name, device_kind=name.upper()) for name in ("cpu", "tpu"))
MODEL = SIZES["130m"]


def gpu(capability: str) -> Any:
    return SimpleNamespace(platform="gpu", device_kind="GPU", compute_capability=capability)


@pytest.mark.parametrize(
    ("device", "dtype", "expected"),
    [
        (CPU, "float32", "chunked"),
        (CPU, "bfloat16", "chunked"),
        (TPU, "float32", "splash"),
        (TPU, "bfloat16", "splash"),
        (gpu("9.0"), "bfloat16", "cudnn"),
        (gpu("10.0"), "bfloat16", "cudnn"),
        (gpu("9.0"), "float32", "chunked"),
        (gpu("8.0"), "bfloat16", "chunked"),
        (gpu("gfx942"), "bfloat16", "chunked"),
    ],
)
def test_a_device_has_the_kernel_that_is_made_for_it(
    device: Any, dtype: str, expected: str
) -> None:
    found = models.kernels_for(MODEL, dtype, device)
    assert found.attention == expected
    assert found == models.kernels_for(MODEL, dtype, device, expected)
    assert (found == models.REFERENCE) == (device is CPU)


@pytest.mark.parametrize(
    ("asked", "device", "dtype", "told"),
    [
        ("splash", CPU, "float32", "attention 'splash' is a kernel for TPUs, got CPU; leave"),
        ("cudnn", CPU, "bfloat16", "attention 'cudnn' is for NVIDIA GPUs of Hopper and later"),
        ("cudnn", gpu("8.0"), "bfloat16", "attention 'cudnn' is for NVIDIA GPUs of Hopper"),
        ("cudnn", gpu("9.0"), "float32", "attention 'cudnn' computes in bfloat16, got float32"),
        ("chunks", CPU, "float32", "unknown attention 'chunks'; did you mean 'chunked'"),
    ],
)
def test_what_is_asked_for_and_not_there_is_refused(
    asked: str, device: Any, dtype: str, told: str
) -> None:
    with pytest.raises(UserError) as error:
        models.kernels_for(MODEL, dtype, device, asked)
    assert str(error.value).startswith(told)


def test_heads_that_cudnn_does_not_take_are_refused_by_width() -> None:
    wide: Any = SimpleNamespace(head_dim=260)
    assert "up to 256 wide, got 260" in ATTENTION["cudnn"].refused(wide, "bfloat16", gpu("9.0"))


@pytest.mark.slow
@pytest.mark.parametrize(("positions", "shared"), [(21, 1), (130, 2), (256, 2)])
def test_splash_is_the_reference(positions: int, shared: int) -> None:
    """Interpreted: lengths that lanes do not divide, keys that heads share, several blocks."""
    key = jax.random.split(jax.random.key(0), 4)
    q, do = (jax.random.normal(one, (2, positions, 2, 8)) for one in key[:2])
    k, v = (jax.random.normal(one, (2, positions, 2 // shared, 8)) for one in key[2:])

    @jax.jit
    def both(q: jax.Array, k: jax.Array, v: jax.Array) -> Any:
        def interpreted(q: jax.Array, k: jax.Array, v: jax.Array) -> jax.Array:
            return splash_attention(q, k, v, interpret=True)

        forms = (causal_attention, interpreted)
        return [(o, back(do)) for o, back in (jax.vjp(form, q, k, v) for form in forms)]

    expected, actual = both(q, k, v)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=2e-5), expected, actual)


def test_the_blocks_of_splash_are_those_that_a_position_sees() -> None:
    assert models.visible_blocks(4096) == 10
    assert models.visible_blocks(21) == 1
    assert models.visible_blocks(300) == 6


@pytest.mark.slow
def test_cudnn_is_lowered_for_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forward and backward, for a program that no machine here can run."""
    monkeypatch.setattr(fused_attention_stablehlo, "check_cudnn_version", lambda: 91400)
    q = jax.ShapeDtypeStruct((2, 21, 4, 64), jnp.bfloat16)
    k = jax.ShapeDtypeStruct((2, 21, 2, 64), jnp.bfloat16)
    gradient = jax.grad(lambda *qkv: cudnn_attention(*qkv).astype(jnp.float32).sum(), (0, 1, 2))
    text = jax.jit(gradient).trace(q, k, k).lower(lowering_platforms=("cuda",)).as_text()
    assert "__cudnn$fmhaSoftmax" in text
    assert "__cudnn$fmhaSoftmaxBackward" in text


@pytest.mark.parametrize(
    ("kernel", "platform", "operation"),
    [
        ("chunked", "cpu", "applies stablehlo.maximum"),
        ("splash", "tpu", "@tpu_custom_call"),
        ("cudnn", "cuda", "@__cudnn$fmhaSoftmax("),
    ],
)
def test_a_layer_that_is_computed_again_keeps_the_results_of_attention(
    kernel: str, platform: str, operation: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fused_attention_stablehlo, "check_cudnn_version", lambda: 91400)
    deep = msgspec.structs.replace(SIZES["17m"], layers=9, context=128)
    params = jax.eval_shape(lambda: models.init(deep, jax.random.key(0)))
    tokens = jax.ShapeDtypeStruct((1, deep.context + 1), jnp.int32)

    def lowered(recompute: bool) -> str:
        kernels = models.Kernels(kernel, unrolled=1, recompute=recompute)
        loss = partial(models.loss, spec=deep, dtype=jnp.bfloat16, kernels=kernels)
        program = jax.jit(jax.grad(lambda p, t: loss(p, t))).trace(params, tokens)
        return program.lower(lowering_platforms=(platform,)).as_text()

    kept, again = lowered(False), lowered(True)
    assert again.count("stablehlo.rsqrt") > kept.count("stablehlo.rsqrt")
    assert again.count(operation) == kept.count(operation) > 0


def test_a_gpu_has_no_loop_over_layers_that_are_kept() -> None:
    assert models.kernels_for(MODEL, "bfloat16", gpu("9.0")).unrolled >= MODEL.layers
    assert models.kernels_for(MODEL, "bfloat16", TPU).unrolled < MODEL.layers


def test_cudnn_that_is_not_there_is_one_line() -> None:
    q = jnp.zeros((1, 8, 1, 8), jnp.bfloat16)
    with pytest.raises(UserError, match="attention by cuDNN is not possible here: cuDNN is not"):
        jax.eval_shape(cudnn_attention, q, q, q)
