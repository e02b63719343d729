"""Llama-2: pre-norm RMSNorm, rotary causal attention, SwiGLU, no biases.

Shapes: B sequences, T positions, S = T + 1, N = B T tokens, D hidden width, F MLP width, H heads,
G key-value heads, K head width, V vocabulary. Activations are (N, D) everywhere but in attention:
on a CPU, XLA fuses a transposed copy into every weight gradient when they are (B, T, D).
"""

from typing import Any

import jax
import jax.numpy as jnp
from jax.typing import DTypeLike

from bestiary.models._cross_entropy import cross_entropy
from bestiary.models._embedding import look_up
from bestiary.models._kernels import REFERENCE, Kernels, attention
from bestiary.models._layers import through_layers
from bestiary.models._partition import divided_layer, looked_up, over_batch
from bestiary.models._product import product
from bestiary.models._rotary import Rotation, rotate, rotation
from bestiary.specs import ModelSpec

Params = dict[str, Any]


def logits(
    params: Params, tokens_BT: jax.Array, spec: ModelSpec, dtype: DTypeLike = jnp.float32
) -> jax.Array:
    """The scores of every possible next token, (B, T, V) in float32.

    Args:
        params: As `init` returns them.
        tokens_BT: Token ids below the vocabulary; T may be any length.
        spec: The shape of the model.
        dtype: Type of activations and matrix products; float32 or bfloat16.
    """
    x_ND = _hidden(params, tokens_BT, spec, dtype)
    logits_NV = jnp.dot(x_ND, _head(params).astype(dtype), preferred_element_type=jnp.float32)
    return logits_NV.reshape(*tokens_BT.shape, spec.vocabulary)


def loss(
    params: Params,
    tokens_BS: jax.Array,
    spec: ModelSpec,
    dtype: DTypeLike = jnp.float32,
    *,
    kernels: Kernels = REFERENCE,
) -> jax.Array:
    """Mean cross-entropy of the next token, in nats, a float32 scalar.

    Args:
        params: As `init` returns them.
        tokens_BS: T + 1 tokens per sequence: `[:, :-1]` are read, `[:, 1:]` are predicted.
        spec: The shape of the model.
        dtype: Type of activations and matrix products; the logits and the loss are float32.
        kernels: What computes it; by default what any device can, and what can be differentiated
            any number of times.
    """
    x_ND = _hidden(params, tokens_BS[:, :-1], spec, dtype, kernels)
    targets_N = tokens_BS[:, 1:].reshape(-1)
    return cross_entropy(x_ND, _head(params), targets_N, logits=kernels.logits)


def _head(params: Params) -> jax.Array:
    return params["head"] if "head" in params else params["embedding"].T


def _hidden(
    params: Params,
    tokens_BT: jax.Array,
    spec: ModelSpec,
    dtype: DTypeLike,
    kernels: Kernels = REFERENCE,
) -> jax.Array:
    """The final normalised activations, (N, D)."""
    by = rotation(spec, tokens_BT.shape[1])

    def block(x_ND: jax.Array, layer: Params) -> jax.Array:
        layer = divided_layer(layer, spec)
        normed_ND = _norm(x_ND, layer["attention_norm"], spec)
        x_ND = x_ND + _attention(normed_ND, layer, spec, by, kernels)
        return over_batch(x_ND + _mlp(_norm(x_ND, layer["mlp_norm"], spec), layer))

    table_VD = looked_up(params["embedding"], spec)
    x_ND = look_up(table_VD, tokens_BT.reshape(-1)).astype(dtype)
    x_ND = through_layers(
        block,
        over_batch(x_ND),
        params["layers"],
        spec,
        unrolled=kernels.unrolled,
        recompute=kernels.recompute,
    )
    return _norm(x_ND, params["final_norm"], spec)


def _norm(x_ND: jax.Array, weight_D: jax.Array, spec: ModelSpec) -> jax.Array:
    """RMSNorm, x / sqrt(mean(x^2) + epsilon) * weight, computed in float32."""
    x32_ND = x_ND.astype(jnp.float32)
    mean_square_N1 = jnp.mean(jnp.square(x32_ND), axis=-1, keepdims=True)
    scaled_ND = x32_ND * jax.lax.rsqrt(mean_square_N1 + spec.norm_epsilon)
    return (scaled_ND * weight_D[None, :]).astype(x_ND.dtype)


def _attention(
    x_ND: jax.Array, layer: Params, spec: ModelSpec, by: Rotation, kernels: Kernels
) -> jax.Array:
    T = by[0].shape[0]
    q_BTHK = _project(x_ND, layer["q"]).reshape(-1, T, spec.heads, spec.head_dim)
    k_BTGK = _project(x_ND, layer["k"]).reshape(-1, T, spec.key_value_heads, spec.head_dim)
    v_BTGK = _project(x_ND, layer["v"]).reshape(-1, T, spec.key_value_heads, spec.head_dim)
    o_BTHK = attention(rotate(q_BTHK, by), rotate(k_BTGK, by), v_BTGK, kernels)
    return _project(o_BTHK.reshape(-1, spec.heads * spec.head_dim), layer["o"])


def _mlp(x_ND: jax.Array, layer: Params) -> jax.Array:
    """SwiGLU: down(silu(gate x) * up x)."""
    gated_NF = jax.nn.silu(_project(x_ND, layer["gate"])) * _project(x_ND, layer["up"])
    return _project(gated_NF, layer["down"])


def _project(x_ND: jax.Array, weight_DE: jax.Array) -> jax.Array:
    return product(x_ND, weight_DE.astype(x_ND.dtype))
