r"""Mars (Yuan et al. 2024, arXiv 2411.10438): AdamW on a variance-reduced gradient.

With gradient g_t, t = 1, 2, ..., and g_0 = 0:

    c_t = g_t + gamma beta1 / (1 - beta1) (g_t - g_{t-1}),   clipped
    p_t = the AdamW step with c_t in place of g_t

This is the approximate form, the practical one: g_{t-1} is the stored gradient of the last batch at
the last weights; the exact form recomputes the gradient of this batch there, at twice the cost. At
the first step c = (1 + gamma beta1 / (1 - beta1)) g, at the defaults 1.475 g.

State: g_{t-1}, m and v, 12 bytes a parameter. Cost: element-wise.

Two flavours. `study` (Levanter): every parameter, and the norm of c over all parameters is clipped
to `max_grad_norm`; g is not clipped. `official` (AGI-Arena/MARS): c of every layer's tensor is
clipped to norm 1 and `max_grad_norm` clips g before that; vectors get AdamW with betas 0.9 and
0.95. Epsilon is added after bias correction. Checked against both, and `pytorch_optimizer.MARS`.

In float32 the square of a gradient below 1e-19 is 0; over the study's epsilon of 1e-25 its step can
be 1e6 learning rates.
"""

from dataclasses import replace
from typing import Annotated, Literal, NamedTuple

import jax.numpy as jnp
import optax
from msgspec import Meta

from bestiary.optimizers._interface import (
    Beta1,
    Beta2,
    Epsilon,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._per_layer import layer_norm
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere


class Mars(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Mars."""

    learning_rate: LearningRate = 0.016
    beta1: Beta1 = 0.95
    beta2: Beta2 = 0.95
    epsilon: Epsilon = 1e-25
    gamma: Annotated[float, Meta(ge=0, description="weight of the change of the gradient")] = 0.025
    flavour: Annotated[
        Literal["study", "official"],
        Meta(description="clipping and vectors as in Levanter or as in AGI-Arena/MARS"),
    ] = "study"


class MarsState(NamedTuple):
    """The last gradient, and Adam's moments of the corrected ones."""

    previous: Leaves
    adam: optax.ScaleByAdamState


def scale_by_mars(hyper: Mars, labels: Labels) -> optax.GradientTransformation:
    """Adam's direction on the clipped correction c."""
    adam = optax.scale_by_adam(hyper.beta1, hyper.beta2, hyper.epsilon)

    def init(params: Leaves) -> MarsState:
        return MarsState(optax.tree.zeros_like(params), adam.init(params))

    def update(
        grads: Leaves, state: MarsState, params: Leaves | None = None
    ) -> tuple[Leaves, MarsState]:
        del params
        corrected = corrected_gradients(grads, state.previous, gamma=hyper.gamma, decay=hyper.beta1)
        if hyper.flavour == "study":
            corrected = _clipped_together(corrected, hyper.max_grad_norm)
        else:
            corrected = clipped_apart(corrected, labels)
        directions, moments = adam.update(corrected, state.adam)
        return directions, MarsState(grads, moments)

    return optax.GradientTransformation(init, update)


def corrected_gradients(grads: Leaves, previous: Leaves, *, gamma: Scalar, decay: Scalar) -> Leaves:
    """Every gradient with its change since the last step added: c, before clipping."""
    weight = gamma * decay / (1 - decay)
    return {path: grad + weight * (grad - previous[path]) for path, grad in grads.items()}


def clipped_apart(leaves: Leaves, labels: Labels) -> Leaves:
    """Every layer's tensor scaled to a norm of at most 1."""
    return {
        path: leaf * (1 / jnp.maximum(1.0, layer_norm(leaf, labels[path])))
        for path, leaf in leaves.items()
    }


def _clipped_together(leaves: Leaves, max_norm: Scalar) -> Leaves:
    """Scaled by one factor to a global norm of at most `max_norm`; 0 never clips."""
    factor = jnp.minimum(1.0, max_norm / (optax.tree.norm(leaves) + 1e-6))
    factor = jnp.where(jnp.asarray(max_norm) > 0, factor, 1.0)
    return {path: leaf * factor.astype(leaf.dtype) for path, leaf in leaves.items()}


def _rules(hyper: Mars, labels: Labels) -> dict[str, Rule]:
    mars = hyper.rule("mars", scale_by_mars(hyper, labels))
    if hyper.flavour == "study":
        return everywhere(replace(mars, max_norm=0.0))
    adam = optax.scale_by_adam(0.9, 0.95, hyper.epsilon)
    return everywhere(mars) | {"vector": hyper.rule("adamw", adam)}


MARS = Optimizer(
    name="mars",
    label="MARS",
    family="variance-reduced",
    summary="AdamW on gradients with their own change since the last step added.",
    paper="Yuan et al. 2024, arXiv 2411.10438",
    hyperparameters=Mars,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "gamma": (0.0125, 0.025, 0.05, 0.1),
        "beta1": (0.8, 0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98, 0.99),
        "epsilon": (1e-30, 1e-25, 1e-20, 1e-15, 1e-10),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
    studied=True,
    presets={
        "study": {},
        "official": {
            "flavour": "official",
            "beta2": 0.99,
            "epsilon": 1e-8,
            "learning_rate": 0.003,
        },
    },
)
