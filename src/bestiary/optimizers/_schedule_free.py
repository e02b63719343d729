r"""Schedule-free AdamW (Defazio et al. 2024, arXiv 2405.15682): averaging instead of decay.

Three sequences: z takes the steps, x is their weighted mean and is evaluated, and the gradient g_t
is taken at y = (1 - beta1) z + beta1 x, which is the trained parameter:

    v_t = beta2 v_{t-1} + (1 - beta2) g_t^2
    d_t = g_t / (sqrt(v_t / (1 - beta2^t)) + epsilon) + lambda y_t
    c_t = w_t / (w_1 + ... + w_t),  w_t = (max over i <= t of eta_i)^2
    z_{t+1} = z_t - eta_t d_t;   x_{t+1} = (1 - c_t) x_t + c_t z_{t+1}

Written for y alone, so that x is not stored and rounding moves nothing:

    y_{t+1} = y_t + c_t (z_t - y_t) - eta_t (1 - beta1 (1 - c_t)) d_t
    x = (y - (1 - beta1) z) / beta1

State: z and v, 8 bytes a parameter, and three numbers. Cost: element-wise. The learning rate warms
up and is then constant; while it is 0, c = 0. The starting point is AdamW's best at 130M. Checked
against `schedulefree.AdamWScheduleFreeReference`.
"""

from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._interface import (
    Beta2,
    Epsilon,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._rules import DECAYED_ROLES, Leaves, Rule, Scalar, by_path, everywhere


class ScheduleFree(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of schedule-free AdamW."""

    learning_rate: LearningRate = 0.008
    beta1: Annotated[
        float, Meta(gt=0, lt=1, description="where between z (0) and x (1) gradients are taken")
    ] = 0.95
    beta2: Beta2 = 0.98
    epsilon: Epsilon = 1e-15


class ScheduleFreeState(NamedTuple):
    """z and v by path; beta1, the highest rate so far, and the sum of the weights of the mean."""

    fast: Leaves
    square: Leaves
    beta1: Array
    highest_rate: Array
    weights: Array


def step_schedule_free(
    hyper: ScheduleFree, labels: Labels
) -> optax.GradientTransformationExtraArgs:
    """The change of y itself, learning rate and weight decay included."""

    def init(params: Leaves) -> ScheduleFreeState:
        copies = {path: jnp.array(param) for path, param in params.items()}
        kind = jnp.result_type(*params.values())
        nothing = jnp.zeros((), kind)
        return ScheduleFreeState(
            copies, optax.tree.zeros_like(params), jnp.asarray(hyper.beta1, kind), nothing, nothing
        )

    def update(
        grads: Leaves, state: ScheduleFreeState, params: Leaves, *, step: Scalar, **extra: Any
    ) -> tuple[Leaves, ScheduleFreeState]:
        del extra
        square = optax.tree.update_moment_per_elem_norm(grads, state.square, hyper.beta2, 2)
        correction = 1 - hyper.beta2 ** (jnp.asarray(step) + 1)
        directions = {
            path: grad / (jnp.sqrt(square[path] / correction) + hyper.epsilon)
            + _decay(hyper, labels, path) * params[path]
            for path, grad in grads.items()
        }
        rate = jnp.asarray(hyper.learning_rate, state.weights.dtype)
        highest = jnp.maximum(state.highest_rate, rate)
        weights = state.weights + highest**2
        share = jnp.where(weights > 0, highest**2 / jnp.where(weights > 0, weights, 1.0), 0.0)
        reach = rate * (1 - state.beta1 * (1 - share))
        updates = {
            path: share * (state.fast[path] - params[path]) - reach * direction
            for path, direction in directions.items()
        }
        fast = {path: state.fast[path] - rate * directions[path] for path in grads}
        return updates, ScheduleFreeState(fast, square, state.beta1, highest, weights)

    return optax.GradientTransformationExtraArgs(init, update)


def averaged(state: dict[str, ScheduleFreeState], params: optax.Params) -> optax.Params:
    """x, the weights to evaluate, from the state and the weights trained."""
    own = state["schedule_free"]
    means = [
        ((y - (1 - own.beta1) * own.fast[path]) / own.beta1).astype(y.dtype)
        for path, y in by_path(params).items()
    ]
    return jax.tree.unflatten(jax.tree.structure(params), means)


def _decay(hyper: ScheduleFree, labels: Labels, path: str) -> Scalar:
    return hyper.weight_decay if labels[path].role in DECAYED_ROLES else 0.0


def _as_it_is(param: Array, update: Array, rate: Scalar, decay: Scalar) -> Array:
    """The update, in which rate and decay are already."""
    del param, rate, decay
    return update


def _rules(hyper: ScheduleFree, labels: Labels) -> dict[str, Rule]:
    steps = step_schedule_free(hyper, labels)
    return everywhere(hyper.rule("schedule_free", steps, advance=_as_it_is, elementwise=True))


SCHEDULE_FREE = Optimizer(
    name="schedule_free",
    label="Schedule-free AdamW",
    family="scalar",
    summary="AdamW with a constant rate, evaluated at the mean of its weights.",
    paper="Defazio et al. 2024, arXiv 2405.15682",
    hyperparameters=ScheduleFree,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 1000.0},
    grid={
        "learning_rate": (0.002, 0.004, 0.008, 0.016),
        "weight_decay": (0.0, 0.1, 0.2),
        "beta1": (0.9, 0.95, 0.98),
        "beta2": (0.95, 0.98, 0.99, 0.999),
        "epsilon": (1e-20, 1e-15, 1e-10),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0),
    },
    schedule="constant",
    evaluation_params=averaged,
)
