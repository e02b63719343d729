r"""AdEMAMix (Pagliardini, Ablin, Grangier 2024, arXiv 2409.03137): a fast and a slow momentum.

With gradient g_t, t = 1, 2, ..., and v_t as in AdamW:

    m_t = beta1 m_{t-1} + (1 - beta1) g_t;    s_t = beta3_t s_{t-1} + (1 - beta3_t) g_t
    u_t = (m_t / (1 - beta1^t) + alpha_t s_t) / (sqrt(v_t / (1 - beta2^t)) + epsilon)
    p_t = p_{t-1} - eta (u_t + lambda p_{t-1})

Over T = `slow_warmup_steps`, alpha_t grows linearly from 0 to alpha, and the half-life of s
linearly from that of beta1 to that of beta3: beta3_t = h^-1((1 - t/T) h(beta1) + (t/T) h(beta3))
with h(b) = ln(1/2) / ln(b) - 1. The paper sets T to the length of the run, and so should you.

State: m, s and v, 12 bytes a parameter. Cost: element-wise. The slow mean has no bias correction.
The transform is optax's, which reads schedules one step early; they are given at t. The starting
point is AdamW's best at 130M with the authors' betas, T the length of a run there at 1x. Checked
against apple/ml-ademamix, whose warm-up adds 1e-8 to the betas (2e-6 apart after 40 steps; without
warm-up equal), and `pytorch_optimizer.AdEMAMix`.
"""

from typing import Annotated

import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._interface import (
    Beta,
    Beta1,
    Beta2,
    Epsilon,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._rules import Rule, Scalar, everywhere


class AdEMAMix(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of AdEMAMix."""

    learning_rate: LearningRate = 0.008
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.999
    beta3: Annotated[Beta, Meta(description="decay of the slow mean of gradients")] = 0.9999
    alpha: Annotated[float, Meta(ge=0, description="weight of the slow mean")] = 5.0
    slow_warmup_steps: Annotated[
        float, Meta(ge=0, description="steps until alpha and beta3 are reached; 0 for at once")
    ] = 5120.0
    epsilon: Epsilon = 1e-15


def scale_by_ademamix(hyper: AdEMAMix) -> optax.GradientTransformation:
    """The direction u, optax's with the warm-up of alpha and beta3."""

    def share(count: Array) -> Array:
        steps = jnp.asarray(hyper.slow_warmup_steps)
        return jnp.where(steps > 0, jnp.minimum((count + 1) / jnp.maximum(steps, 1e-9), 1.0), 1.0)

    return optax.contrib.scale_by_ademamix(
        b1=hyper.beta1,
        b2=hyper.beta2,
        b3=lambda count: _slow_decay(hyper.beta1, hyper.beta3, share(count)),
        alpha=lambda count: hyper.alpha * share(count),
        eps=hyper.epsilon,
    )


def _slow_decay(begin: Scalar, end: Scalar, share: Array) -> Array:
    """Between two decays, linear in their half-lives; exactly `end` at a share of 1."""
    mixed = (1 - share) * _half_life(begin) + share * _half_life(end)
    return jnp.where(share < 1, 0.5 ** (1 / (mixed + 1)), end)


def _half_life(decay: Scalar) -> Array:
    return jnp.log(0.5) / jnp.log(jnp.asarray(decay)) - 1


def _rules(hyper: AdEMAMix, labels: Labels) -> dict[str, Rule]:
    del labels
    return everywhere(hyper.rule("ademamix", scale_by_ademamix(hyper), elementwise=True))


ADEMAMIX = Optimizer(
    name="ademamix",
    label="AdEMAMix",
    family="scalar",
    summary="AdamW with a second momentum that remembers thousands of steps.",
    paper="Pagliardini, Ablin, Grangier 2024, arXiv 2409.03137",
    hyperparameters=AdEMAMix,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.002, 0.004, 0.008, 0.016),
        "weight_decay": (0.0, 0.1, 0.2),
        "alpha": (2.0, 5.0, 8.0),
        "beta3": (0.999, 0.9999),
        "beta1": (0.9, 0.95, 0.98),
        "beta2": (0.95, 0.98, 0.999),
        "epsilon": (1e-20, 1e-15, 1e-10),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
)
