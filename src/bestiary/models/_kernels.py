"""Which kernels a model is computed with: one table by device, never a silent other choice."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import jax

from bestiary.errors import UserError, unknown
from bestiary.models._attention import causal_attention
from bestiary.models._cudnn import cudnn_attention
from bestiary.models._partition import over_heads
from bestiary.models._splash import splash_attention
from bestiary.specs import TILE_LOGITS, UNROLLED_LAYERS, ModelSpec

_HOPPER = (9, 0)
# On a GPU a loop over layers copies what it keeps into stacks and sums gradients there: 130m on an
# H200 took 357 ms so, and 275 ms unrolled (docs/performance.md), compiled in 11 s.
_UNROLLED = {"gpu": 64}


@dataclass(frozen=True)
class Kernels:
    """The kernels of a program; the defaults are the reference form, for any device.

    Attributes:
        attention: A name of `ATTENTION`.
        logits: How many logits the loss holds at once.
        recompute: Whether a loop over layers computes their activations again for the gradient
            instead of keeping them; None lets their size decide.
        unrolled: So many layers are no loop where their activations are kept.
    """

    attention: str = "chunked"
    logits: int = TILE_LOGITS["cpu"]
    recompute: bool | None = None
    unrolled: int = UNROLLED_LAYERS


REFERENCE = Kernels()


def kernels_for(model: ModelSpec, dtype: str, device: Any, asked: str = "") -> Kernels:
    """The kernels of a model on a kind of device.

    Attention is the first of `ATTENTION` that the device, the type and the shape are made for.

    Args:
        model: The shape of the model.
        dtype: Type of activations and matrix products.
        device: Of JAX; it need not be here.
        asked: The attention to take.

    Raises:
        UserError: what is asked for does not exist, or not there.
    """
    if asked and asked not in ATTENTION:
        raise unknown("attention", asked, ATTENTION)
    if asked and (why := ATTENTION[asked].refused(model, dtype, device)):
        raise UserError(f"attention {asked!r} {why}; leave --attention out, or take chunked")
    fitting = (name for name, one in ATTENTION.items() if not one.refused(model, dtype, device))
    return Kernels(
        attention=asked or next(fitting),
        logits=TILE_LOGITS.get(device.platform, TILE_LOGITS["gpu"]),
        unrolled=_UNROLLED.get(device.platform, UNROLLED_LAYERS),
    )


def attention(
    q_BTHK: jax.Array, k_BTGK: jax.Array, v_BTGK: jax.Array, kernels: Kernels
) -> jax.Array:
    """Causal attention by the kernel that was chosen.

    Args:
        q_BTHK: Queries.
        k_BTGK: Keys; each head of them serves several heads of queries.
        v_BTGK: Values.
        kernels: The choice.
    """
    chosen = ATTENTION[kernels.attention]
    if not chosen.fused:
        return chosen.compute(q_BTHK, k_BTGK, v_BTGK)
    # What the partitioner cannot look into is told where its parts lie.
    return over_heads(chosen.compute, q_BTHK, k_BTGK, v_BTGK)


def _no_tpu(model: ModelSpec, dtype: str, device: Any) -> str:
    del model, dtype
    return "" if device.platform == "tpu" else f"is a kernel for TPUs, got {device.device_kind}"


def _no_hopper(model: ModelSpec, dtype: str, device: Any) -> str:
    capability = str(getattr(device, "compute_capability", "")).split(".")
    known = device.platform == "gpu" and all(part.isdecimal() for part in capability)
    if not known or tuple(map(int, capability)) < _HOPPER:
        return f"is for NVIDIA GPUs of Hopper and later, got {device.device_kind}"
    if dtype != "bfloat16":
        return f"computes in bfloat16, got {dtype}"
    if model.head_dim % 8 or model.head_dim > 256:
        return f"takes heads of a multiple of 8 up to 256 wide, got {model.head_dim}"
    return ""


def _never(model: ModelSpec, dtype: str, device: Any) -> str:
    del model, dtype, device
    return ""


@dataclass(frozen=True)
class _Attention:
    """One form of attention: what computes it, and why a device, type or shape cannot have it."""

    compute: Callable[[jax.Array, jax.Array, jax.Array], jax.Array]
    refused: Callable[[ModelSpec, str, Any], str]
    fused: bool


ATTENTION = {
    "splash": _Attention(splash_attention, _no_tpu, fused=True),
    "cudnn": _Attention(cudnn_attention, _no_hopper, fused=True),
    "chunked": _Attention(causal_attention, _never, fused=False),
}
