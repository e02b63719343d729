r"""Sophia-H (Liu, Li, Hall, Liang, Ma 2023, arXiv 2305.14342): a clipped diagonal Newton step.

With gradient g_t, t = 1, 2, ...:

    m_t = beta1 m_{t-1} + (1 - beta1) g_t
    u_t = clip(m_t / (1 - beta1^t) / max(gamma h, epsilon), +- 1)
    p_t = p_{t-1} - eta (u_t + lambda p_{t-1})
    t divisible by `curvature_frequency`, after u:  h <- beta2 h + (1 - beta2) z (H z)

z is standard normal and H the Hessian of the loss on a batch, at p_{t-1}: Hutchinson's estimator
of its diagonal. h is 0 until the first estimate; there, and where h is negative, the step is
almost the sign of m, epsilon deciding how nearly.

State: m and h, 8 bytes a parameter. Cost: a Hessian-vector product, about two gradients, every
`curvature_frequency` steps. `update` needs `curvature=`, an object with `key` and
`hessian_vector(params, vector)` on dictionaries from path to array.

Levanter, and so the study, estimates after every tenth step, with normal z; optax after the first,
eleventh, ... with random signs. The paper's own training script is of Sophia-G, `_sophia_g.py`.
Checked against `optax.contrib.sophia` where both estimate at every step.
"""

from collections.abc import Callable
from typing import Annotated, Any, NamedTuple

import jax
import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.errors import UserError
from bestiary.optimizers._interface import (
    Beta,
    Beta1,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere

CurvatureBeta = Annotated[Beta, Meta(description="decay of the mean of curvature estimates")]
CurvatureFrequency = Annotated[int, Meta(ge=1, description="steps between curvature estimates")]


class Sophia(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Sophia-H."""

    learning_rate: LearningRate = 0.004
    beta1: Beta1 = 0.95
    beta2: CurvatureBeta = 0.99
    gamma: Annotated[
        float, Meta(gt=0, description="factor of the curvature; less clips more entries")
    ] = 0.0125
    epsilon: Annotated[float, Meta(gt=0, description="least curvature, times gamma")] = 1e-12
    curvature_frequency: CurvatureFrequency = 10


class SophiaState(NamedTuple):
    """Mean gradients and mean curvature by path."""

    mean: Leaves
    curvature: Leaves


def scale_by_sophia(hyper: Sophia) -> optax.GradientTransformationExtraArgs:
    """The direction u."""

    def update(
        grads: Leaves,
        state: SophiaState,
        params: Leaves,
        *,
        step: Scalar,
        curvature: Any = None,
        **extra: Any,
    ) -> tuple[Leaves, SophiaState]:
        del extra
        required("sophia", curvature)
        time = jnp.asarray(step) + 1
        mean = optax.tree.update_moment(grads, state.mean, hyper.beta1, 1)
        divisors = {
            path: jnp.maximum(hyper.gamma * h, hyper.epsilon) for path, h in state.curvature.items()
        }
        directions = {
            path: jnp.clip(leaf / divisors[path], -1.0, 1.0)
            for path, leaf in optax.tree.bias_correction(mean, hyper.beta1, time).items()
        }

        def estimate() -> Leaves:
            probe = optax.tree.random_like(curvature.key, params, jax.random.normal)
            product = curvature.hessian_vector(params, probe)
            return {path: probe[path] * leaf for path, leaf in product.items()}

        due = time % hyper.curvature_frequency == 0
        after = refreshed(state.curvature, due, hyper.beta2, estimate)
        return directions, SophiaState(mean, after)

    return optax.GradientTransformationExtraArgs(no_curvature, update)


def no_curvature(params: Leaves) -> SophiaState:
    """The initial state."""
    return SophiaState(optax.tree.zeros_like(params), optax.tree.zeros_like(params))


def refreshed(
    curvature: Leaves, due: Array, decay: Scalar, estimate: Callable[[], Leaves]
) -> Leaves:
    """The mean curvature with a new estimate where one is due; only then is it computed.

    `due` depends on the step alone, which no population batches, so that a branch stays a branch.
    """
    return jax.lax.cond(
        due,
        lambda: optax.tree.update_moment(estimate(), curvature, decay, 1),
        lambda: curvature,
    )


def required(name: str, curvature: Any) -> None:
    """Refuse an update without curvature.

    Raises:
        UserError: `curvature` is None.
    """
    if curvature is None:
        raise UserError(
            f"{name} needs the curvature of the loss, got none; "
            "pass update(..., curvature=) as the trainer does"
        )


def _rules(hyper: Sophia, labels: Labels) -> dict[str, Rule]:
    del labels
    return everywhere(hyper.rule("sophia", scale_by_sophia(hyper), elementwise=True))


SOPHIA = Optimizer(
    name="sophia",
    label="Sophia-H",
    family="second-order",
    summary="Momentum over Hutchinson's estimate of the Hessian's diagonal, clipped.",
    paper="Liu, Li, Hall, Liang, Ma 2023, arXiv 2305.14342",
    hyperparameters=Sophia,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 4000.0},
    grid={
        "learning_rate": (0.002, 0.004, 0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2, 0.3),
        "gamma": (0.00625, 0.0125, 0.025, 0.05),
        "beta1": (0.8, 0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98, 0.99, 0.995),
        "epsilon": (1e-17, 1e-12, 1e-7),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
    studied=True,
    needs_curvature=True,
)
