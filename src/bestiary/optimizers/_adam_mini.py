r"""Adam-mini (Zhang et al. 2024, arXiv 2406.16793): one second moment for a block of parameters.

With gradient g_t, t = 1, 2, ..., on every block b of a parameter:

    m_t = beta1 m_{t-1} + (1 - beta1) g_t
    v_bt = beta2 v_b{t-1} + (1 - beta2) mean over b of g_t^2
    u_t = m_t / (1 - beta1^t) / (sqrt(v_bt / (1 - beta2^t)) + epsilon)
    p_t = p_{t-1} - eta (u_t + lambda p_{t-1})

Blocks: of q and k one attention head (`head_dim` columns of the label; a head of keys where they
are grouped); of other matrices one output neuron, a column; of the embedding one token, a row.
State: m and one v a block, stored with that shape: little more than 4 bytes a parameter. Cost:
element-wise.

Two flavours. `official` (adam-mini 1.1.1): a vector is one block. `study` (Levanter): vectors get
AdamW and are the only gradients that are clipped; Levanter stores v in full size. Blocks follow
labels, not names; a q or k that is not labelled with its head width is blocked by column. Checked
against `adam_mini.Adam_mini`; version 1.0, still in pytorch_optimizer, has other blocks.
"""

from dataclasses import replace
from typing import Annotated, Literal, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.errors import UserError
from bestiary.optimizers._interface import (
    Beta1,
    Beta2,
    Epsilon,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._per_layer import layer_mean
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere
from bestiary.specs import Label


class AdamMini(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Adam-mini."""

    learning_rate: LearningRate = 0.008
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.98
    epsilon: Epsilon = 1e-20
    flavour: Annotated[
        Literal["study", "official"],
        Meta(description="vectors and clipping as in Levanter or as in adam-mini 1.1.1"),
    ] = "study"


class AdamMiniState(NamedTuple):
    """Mean gradients, and mean squares by block, by path."""

    mean: Leaves
    square: Leaves


def scale_by_adam_mini(hyper: AdamMini, labels: Labels) -> optax.GradientTransformationExtraArgs:
    """The direction u."""

    def init(params: Leaves) -> AdamMiniState:
        for path, param in params.items():
            _check_heads(path, param, labels[path])
        blocks = {path: _block_means(param, labels[path]) for path, param in params.items()}
        return AdamMiniState(optax.tree.zeros_like(params), optax.tree.zeros_like(blocks))

    def update(
        grads: Leaves, state: AdamMiniState, params: Leaves, *, step: Scalar, **extra: object
    ) -> tuple[Leaves, AdamMiniState]:
        del params, extra
        time = jnp.asarray(step) + 1
        mean = optax.tree.update_moment(grads, state.mean, hyper.beta1, 1)
        squares = {path: _block_means(grad**2, labels[path]) for path, grad in grads.items()}
        square = optax.tree.update_moment(squares, state.square, hyper.beta2, 1)
        root = {
            path: jnp.sqrt(leaf) + hyper.epsilon
            for path, leaf in optax.tree.bias_correction(square, hyper.beta2, time).items()
        }
        directions = {
            path: leaf / _spread(root[path], labels[path])
            for path, leaf in optax.tree.bias_correction(mean, hyper.beta1, time).items()
        }
        return directions, AdamMiniState(mean, square)

    return optax.GradientTransformationExtraArgs(init, update)


def _block_means(leaf: Array, label: Label) -> Array:
    """The mean over each block, with axes of length 1 except where blocks differ."""
    if label.role == "vector":
        return layer_mean(leaf, label)
    if label.role == "embedding":
        return jnp.mean(leaf, axis=-1, keepdims=True)
    heads = leaf.reshape(*leaf.shape[:-1], -1, _width(label))
    return jnp.mean(heads, axis=(-3, -1))[..., None, :]


def _spread(blocks: Array, label: Label) -> Array:
    """The values of blocks so that they broadcast to the parameter."""
    heads = label.role not in ("vector", "embedding")
    return jnp.repeat(blocks, _width(label), axis=-1) if heads else blocks


def _width(label: Label) -> int:
    """Columns of one block of a matrix."""
    return label.head_dim or 1


def _check_heads(path: str, param: Array, label: Label) -> None:
    if label.head_dim and param.shape[-1] % label.head_dim:
        raise UserError(
            f"adam_mini needs whole attention heads, but {path!r} has {param.shape[-1]} columns "
            f"for heads of {label.head_dim}; label it with the right head_dim, or 0 for columns"
        )


def _rules(hyper: AdamMini, labels: Labels) -> dict[str, Rule]:
    mini = hyper.rule("adam_mini", scale_by_adam_mini(hyper, labels))
    if hyper.flavour == "official":
        return everywhere(mini)
    adam = optax.scale_by_adam(hyper.beta1, hyper.beta2, hyper.epsilon)
    return everywhere(replace(mini, max_norm=0.0)) | {"vector": hyper.rule("adamw", adam)}


ADAM_MINI = Optimizer(
    name="adam_mini",
    label="Adam-mini",
    family="scalar",
    summary="AdamW with one second moment for each head or neuron; half of its state.",
    paper="Zhang et al. 2024, arXiv 2406.16793",
    hyperparameters=AdamMini,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.004, 0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "beta1": (0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98),
        "epsilon": (1e-25, 1e-20, 1e-15, 1e-10),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
    studied=True,
    presets={
        "study": {},
        "official": {"flavour": "official", "beta2": 0.95, "epsilon": 1e-8},
    },
)
