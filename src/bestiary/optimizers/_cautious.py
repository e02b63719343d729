r"""Cautious AdamW (Liang, Chen, Liu, Liu 2024, arXiv 2411.16085): step only where g agrees.

With AdamW's direction u of gradient g, on every tensor:

    k = 1[u g > 0];   u <- u k / z;   p <- p - eta (u + lambda p)

State: AdamW's, 8 bytes a parameter. Cost: element-wise.

Where implementations disagree: z is mean(k) + epsilon (`study`: Levanter), (sum(k) + 1) / N
(`paper`) or max(mean(k), 1e-3) (`official`: C-Optim, timm); they differ only where k is nearly
empty. The mean is over the tensor of one layer. Levanter, and so the study, takes it over all
layers of one kind: that is `stacked_mean`, which the preset `study` sets. The sign of u g is
compared, not the product, which could underflow. Epsilon is added after bias correction; C-Optim
adds it before. Cautious weight decay (Chen et al. 2025, arXiv 2510.12402) is another rule. Checked
against Levanter's and C-Optim's `AdamW`.
"""

from typing import Annotated, Literal

import jax.numpy as jnp
import optax
from jax import Array
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
from bestiary.optimizers._per_layer import as_one_tensor, layer_mean
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere
from bestiary.specs import Label

Normalisation = Literal["study", "paper", "official"]


class Cautious(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Cautious AdamW."""

    learning_rate: LearningRate = 0.016
    beta1: Beta1 = 0.95
    beta2: Beta2 = 0.98
    epsilon: Epsilon = 1e-20
    normalisation: Annotated[
        Normalisation,
        Meta(
            description="what the mask is divided by: mean + epsilon (study), (sum + 1) / N "
            "(paper), max(mean, 1e-3) (official)"
        ),
    ] = "study"
    stacked_mean: Annotated[
        bool, Meta(description="mean of the mask over all layers of a kind, as the study ran it")
    ] = False


def scale_by_cautious_adam(hyper: Cautious, labels: Labels) -> optax.GradientTransformation:
    """Adam's direction where it has the sign of the gradient; the state is Adam's."""
    adam = optax.scale_by_adam(hyper.beta1, hyper.beta2, hyper.epsilon)

    def update(
        grads: Leaves, state: optax.ScaleByAdamState, params: Leaves | None = None
    ) -> tuple[Leaves, optax.ScaleByAdamState]:
        del params
        directions, state = adam.update(grads, state)
        kept = {
            path: leaf * _mask(leaf, grads[path], hyper=hyper, label=labels[path])
            for path, leaf in directions.items()
        }
        return kept, state

    return optax.GradientTransformation(adam.init, update)


def _mask(direction: Array, grad: Array, *, hyper: Cautious, label: Label) -> Array:
    """The mask k / z of one parameter."""
    agree = (jnp.sign(direction) * jnp.sign(grad) > 0).astype(direction.dtype)
    mean = layer_mean(agree, as_one_tensor(label) if hyper.stacked_mean else label)
    size = agree.size / mean.size
    return agree / _divisor(mean, size, normalisation=hyper.normalisation, epsilon=hyper.epsilon)


def _divisor(
    mean: Array, size: float, *, normalisation: Normalisation, epsilon: Scalar
) -> Array | Scalar:
    if normalisation == "study":
        return mean + epsilon
    if normalisation == "paper":
        return mean + 1 / size
    return jnp.maximum(mean, 1e-3)


def _rules(hyper: Cautious, labels: Labels) -> dict[str, Rule]:
    return everywhere(hyper.rule("cautious", scale_by_cautious_adam(hyper, labels)))


CAUTIOUS = Optimizer(
    name="cautious",
    label="Cautious",
    family="variance-reduced",
    summary="AdamW that skips entries whose step disagrees with the gradient.",
    paper="Liang, Chen, Liu, Liu 2024, arXiv 2411.16085",
    hyperparameters=Cautious,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={
        "learning_rate": (0.008, 0.016, 0.032),
        "weight_decay": (0.0, 0.1, 0.2),
        "beta1": (0.8, 0.9, 0.95, 0.98),
        "beta2": (0.9, 0.95, 0.98),
        "epsilon": (1e-25, 1e-20, 1e-15, 1e-10),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
        "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0),
    },
    studied=True,
    presets={
        "study": {"stacked_mean": True},
        "official": {"normalisation": "official", "epsilon": 1e-6},
        "paper": {"normalisation": "paper"},
    },
)
