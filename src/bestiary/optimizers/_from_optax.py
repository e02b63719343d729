"""A plain optax transform as an optimizer of the catalogue."""

from collections.abc import Callable
from typing import Any, TypeVar

import optax
from jax import Array

from bestiary.optimizers._interface import Hyperparameters, Labels, Optimizer
from bestiary.optimizers._rules import Rule, Scalar, everywhere

H = TypeVar("H", bound=Hyperparameters)


def from_optax(*, build: Callable[[H], optax.GradientTransformation], **entry: Any) -> Optimizer:
    """The entry of an optimizer that optax, or anything with its interface, computes.

    Bestiary clips the gradients (`max_grad_norm`), schedules the learning rate and decays the
    weights (`weight_decay`: decoupled, not on embeddings and vectors), as for every optimizer; so
    leave the transform's own off. The transform sees a flat dictionary from path to array, layers
    stacked in front.

    Args:
        build: From hyperparameters to the transform whose updates are added to the parameters. It
            is called in every traced step: `learning_rate` is the rate of the step, and it and
            every other float is a traced array, unless its type is marked `STATIC`.
        entry: The other fields of `Optimizer`: name, label, family, summary, paper, hyperparameters
            and, where the optimizer is to be tuned, grid.
    """

    def rules(hyper: H, labels: Labels) -> dict[str, Rule]:
        del labels
        return everywhere(hyper.rule(entry["name"], build(hyper), advance=_decayed))

    return Optimizer(rules=rules, **entry)


def _decayed(param: Array, update: Array, rate: Scalar, decay: Scalar) -> Array:
    """The update, in which the rate already is, with decoupled decay."""
    return update - rate * decay * param
