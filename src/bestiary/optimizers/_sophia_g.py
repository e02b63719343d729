r"""Sophia-G (Liu, Li, Hall, Liang, Ma 2023, arXiv 2305.14342): Sophia with sampled labels.

With gradient g at step k = 0, 1, ...:

    k > 0 divisible by `curvature_frequency`:  h <- beta2 h + (1 - beta2) B s^2
    m <- beta1 m + (1 - beta1) g
    p <- p - eta (clip(m / (rho h + 1e-15), +- 1) + lambda p)

s is the gradient of the mean cross-entropy over B tokens whose labels are drawn from the model
itself, clipped like g: the Gauss-Newton-Bartlett estimator. h is 0 until the first estimate, so
the first `curvature_frequency` steps are sign steps. No bias correction.

State: m and h, 8 bytes a parameter. Cost: one more gradient every `curvature_frequency` steps.
`update` needs `curvature=`, an object with `key`, `tokens` (B) and `sampled_gradient(params, key)`.

Liuhong99/Sophia keeps the mean of s^2 and multiplies by B when it is used, which is the same; its
script draws fresh sequences for s, here they are those of the step. Checked against its `SophiaG`.
"""

from typing import Annotated, Any

import jax.numpy as jnp
import optax
from msgspec import Meta

from bestiary.optimizers._interface import (
    Beta1,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._rules import Leaves, Rule, Scalar, clipped, everywhere
from bestiary.optimizers._sophia import (
    CurvatureBeta,
    CurvatureFrequency,
    SophiaState,
    no_curvature,
    refreshed,
    required,
)

_LEAST = 1e-15


class SophiaG(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Sophia-G."""

    learning_rate: LearningRate = 0.004
    beta1: Beta1 = 0.965
    beta2: CurvatureBeta = 0.99
    rho: Annotated[
        float, Meta(gt=0, description="factor of the curvature; less clips more entries")
    ] = 0.04
    curvature_frequency: CurvatureFrequency = 10


def scale_by_sophia_g(hyper: SophiaG) -> optax.GradientTransformationExtraArgs:
    """The clipped direction."""

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
        required("sophia_g", curvature)

        def estimate() -> Leaves:
            sampled = curvature.sampled_gradient(params, curvature.key)
            sampled = clipped(sampled, hyper.max_grad_norm)
            return {path: curvature.tokens * leaf**2 for path, leaf in sampled.items()}

        now = jnp.asarray(step)
        due = (now > 0) & (now % hyper.curvature_frequency == 0)
        after = refreshed(state.curvature, due, hyper.beta2, estimate)
        mean = optax.tree.update_moment(grads, state.mean, hyper.beta1, 1)
        directions = {
            path: jnp.clip(leaf / (hyper.rho * after[path] + _LEAST), -1.0, 1.0)
            for path, leaf in mean.items()
        }
        return directions, SophiaState(mean, after)

    return optax.GradientTransformationExtraArgs(no_curvature, update)


def _rules(hyper: SophiaG, labels: Labels) -> dict[str, Rule]:
    del labels
    return everywhere(hyper.rule("sophia_g", scale_by_sophia_g(hyper), elementwise=True))


SOPHIA_G = Optimizer(
    name="sophia_g",
    label="Sophia-G",
    family="second-order",
    summary="Momentum over the Gauss-Newton diagonal from sampled labels, clipped.",
    paper="Liu, Li, Hall, Liang, Ma 2023, arXiv 2305.14342",
    hyperparameters=SophiaG,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.001, 0.002, 0.004, 0.008),
        "weight_decay": (0.0, 0.1, 0.2),
        "rho": (0.01, 0.02, 0.04, 0.08),
        "beta1": (0.9, 0.95, 0.965, 0.98),
        "beta2": (0.95, 0.98, 0.99),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
    needs_curvature=True,
)
