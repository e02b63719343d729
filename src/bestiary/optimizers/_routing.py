"""What an optimizer does to every parameter of a model, and what it costs; nothing is allocated."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp

from bestiary.optimizers._flops import mean_flops
from bestiary.optimizers._interface import Hyperparameters, Optimizer
from bestiary.optimizers._rules import by_path, flat
from bestiary.specs import Label, Role

# A Hessian-vector product, forward over reverse: the gradient itself, and twice that for its
# derivative. In units of the model FLOPs of its tokens.
_CURVATURE_COST = {"hessian_vector": 3.0, "sampled_gradient": 1.0}


@dataclass(frozen=True, kw_only=True)
class Routed:
    """One parameter.

    Attributes:
        path: Its place in the tree, for instance `"layers/q"`.
        role: What it is for.
        shape: Its shape, a layer axis first where it is stacked.
        rule: The rule that updates it.
        learning_rate_factor: Its learning rate over the optimizer's.
        weight_decay: Its decoupled decay; 0 where it has none.
        state_bytes: Bytes of optimizer state per parameter.
        flops_share: FLOPs of the optimizer on it, as a share of the 6 N D of the whole training.
    """

    path: str
    role: Role
    shape: tuple[int, ...]
    rule: str
    learning_rate_factor: float
    weight_decay: float
    state_bytes: float
    flops_share: float

    @property
    def parameters(self) -> int:
        """How many numbers it holds."""
        return math.prod(self.shape)


def routing(
    entry: Optimizer,
    hyperparameters: Hyperparameters,
    labels: Any,
    shapes: Any,
    *,
    tokens_per_step: int,
    steps: int,
) -> tuple[Routed, ...]:
    """Route every parameter; a parameter is priced as if it were alone, and prices add up.

    N counts the parameters that are multiplied with: hidden matrices and the head, or the embedding
    where there is no head because it is tied.

    Args:
        entry: The optimizer.
        hyperparameters: Its record, of numbers.
        labels: A tree of `Label`.
        shapes: A tree of arrays or of `jax.ShapeDtypeStruct`, of the same structure.
        tokens_per_step: The D of one step.
        steps: Length of the training, over which branches on the step are averaged.

    Raises:
        UserError: a parameter that the optimizer refuses, or trees that differ.
    """
    named = by_path(labels)
    leaves, _ = flat(shapes, named)
    rules = entry.rules(hyperparameters, named)
    entry.build(hyperparameters, labels)
    multiplied = _multiplied(named)
    model_flops = 6.0 * tokens_per_step * sum(math.prod(leaves[path].shape) for path in multiplied)
    rows = []
    for path, label in named.items():
        leaf = jax.ShapeDtypeStruct(leaves[path].shape, leaves[path].dtype)
        own = 6.0 * tokens_per_step * math.prod(leaf.shape) if path in multiplied else 0.0
        cost = _Cost(entry, hyperparameters, path, label, leaf)
        rule = rules[label.role]
        rows.append(
            Routed(
                path=path,
                role=label.role,
                shape=tuple(leaf.shape),
                rule=rule.name,
                learning_rate_factor=float(rule.learning_rate / hyperparameters.learning_rate),
                weight_decay=float(rule.decay(label.role)),
                state_bytes=cost.state_bytes() / max(1, math.prod(leaf.shape)),
                flops_share=cost.flops(steps, model_flops=own) / model_flops,
            )
        )
    return tuple(rows)


def _multiplied(labels: Mapping[str, Label]) -> set[str]:
    """The parameters that activations are multiplied with: 6 FLOPs a token each."""
    tied = not any(label.role == "head" for label in labels.values())
    roles = ("hidden_matrix", "embedding" if tied else "head")
    return {path for path, label in labels.items() if label.role in roles}


class _Cost:
    """What one parameter costs, from shapes."""

    def __init__(
        self, entry: Optimizer, hyper: Hyperparameters, path: str, label: Label, leaf: Any
    ) -> None:
        self._transform = entry.build(hyper, {path: label})
        self._params = {path: leaf}
        self._state = jax.eval_shape(self._transform.init, self._params)

    def state_bytes(self) -> int:
        """Bytes of state."""
        leaves = jax.tree.leaves(self._state)
        return sum(math.prod(leaf.shape) * leaf.dtype.itemsize for leaf in leaves)

    def flops(self, steps: int, *, model_flops: float) -> float:
        """Mean FLOPs of a step, where a gradient of the loss costs `model_flops`."""

        def update(step: Any, grads: Any, state: Any, params: Any) -> Any:
            return self._transform.update(
                grads, state, params, step=step, curvature=_AbstractCurvature()
            )

        called = {name: factor * model_flops for name, factor in _CURVATURE_COST.items()}
        arguments = (self._params, self._state, self._params)
        return mean_flops(update, *arguments, steps=steps, called=called)


class _AbstractCurvature:
    """Stands for the curvature of a loss: right shapes, and calls that can be counted."""

    tokens = 1

    def __init__(self) -> None:
        self.key = jax.random.key(0)

    def hessian_vector(self, params: Any, vector: Any) -> Any:
        return hessian_vector(params, vector)

    def sampled_gradient(self, params: Any, key: Any) -> Any:
        return sampled_gradient(params, key)


@jax.jit
def hessian_vector(params: Any, vector: Any) -> Any:
    """A call of this name in the traced program."""
    return jax.tree.map(jnp.multiply, params, vector)


@jax.jit
def sampled_gradient(params: Any, key: Any) -> Any:
    """A call of this name in the traced program."""
    del key
    return params
