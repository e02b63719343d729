"""Any optimizer of the catalogue as an optax transformation that counts its own steps."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import Array

from bestiary.errors import UserError, unknown
from bestiary.optimizers._catalogue import lookup, resolve, split_static
from bestiary.optimizers._interface import Labels
from bestiary.optimizers._labelling import Labelling, labels_of
from bestiary.optimizers._orientation import (
    ORIENTATIONS,
    Orientation,
    check_orientation,
    turned,
    turned_paths,
)
from bestiary.optimizers._rules import flat, no_parameters
from bestiary.specs import Setting

Schedule = Callable[[Array], Array]


@jax.tree_util.register_dataclass
@dataclass(frozen=True)
class OptimizerState:
    """The state of `optimizer`.

    Attributes:
        steps: Steps taken.
        hyperparameters: Every one that is a number of the compiled step, the learning rate that of
            the latest step: data, so that a change of them compiles nothing.
        inner: The state of the rules.
        name: Of the optimizer.
        turned: The parameters that are stored (out, in).
    """

    steps: Array
    hyperparameters: dict[str, Array]
    inner: Any
    name: str = field(metadata={"static": True})
    turned: tuple[str, ...] = field(metadata={"static": True})


def optimizer(
    name: str,
    learning_rate: float | Schedule,
    *,
    labels: Labelling = None,
    layout: Orientation = "in_out",
    **settings: Any,
) -> optax.GradientTransformationExtraArgs:
    """An optimizer for any optax program; its steps are the trainer's, to the bit.

    Weight decay, clipping and the rule of every role are inside. Do not scale the updates by a
    learning rate again.

    Args:
        name: Of the catalogue, or of an installed package.
        learning_rate: A number, or a function from the steps taken so far to one.
        labels: What every parameter is for: `roles(params, choice)`, a tree of `Label` or of
            roles, or a function from the parameters to one of these. None reads it from names and
            shapes, as `print(roles(params))` shows, and refuses what could be anything.
        layout: How hidden matrices and the head are stored: `in_out` or, as in torch, `out_in`.
        settings: Hyperparameters; the catalogue's starting point at 130M where not given. Those
            that are arrays, as `optax.inject_hyperparams` makes them, are what this call says at
            every step; the others are in the state and may be changed there.

    Raises:
        UserError: a name, a hyperparameter or a layout that does not exist, or a value out of its
            range; in `init` and `update`, parameters that do not fit.
    """
    if layout not in ORIENTATIONS:
        raise unknown("layout", layout, ORIENTATIONS)
    entry = lookup(name)
    given = settings if callable(learning_rate) else {**settings, "learning_rate": learning_rate}
    static, numbers, arrays = _split(name, given)

    def transform(hyper: dict[str, Array], named: Labels) -> Any:
        values: dict[str, Any] = {**static, **hyper}
        return entry.build(entry.hyperparameters(**values), named)

    def rated(held: dict[str, Any], steps: Array) -> dict[str, Array]:
        """The hyperparameters of this step: those held, under those that this call says."""
        said = dict(arrays)
        if callable(learning_rate):
            said["learning_rate"] = learning_rate(steps)
        return {key: jnp.asarray(value, float) for key, value in {**held, **said}.items()}

    def init(params: optax.Params) -> OptimizerState:
        named = labels_of(params, labels)
        leaves, _ = flat(params, named)
        check_orientation(leaves, named, layout)
        paths = turned_paths(named, layout)
        steps = jnp.zeros([], jnp.int32)
        hyper = rated(numbers, steps)
        inner = transform(hyper, _shaped(named, params)).init(turned(params, paths))
        return OptimizerState(steps, hyper, inner, name, paths)

    def update(
        grads: optax.Updates, state: OptimizerState, params: Any = None, **extra: Any
    ) -> tuple[optax.Updates, OptimizerState]:
        if params is None:
            raise no_parameters()
        named = _shaped(labels_of(params, labels), params)
        hyper = rated(state.hyperparameters, state.steps)
        updates, inner = transform(hyper, named).update(
            turned(grads, state.turned),
            state.inner,
            turned(params, state.turned),
            step=state.steps,
            **extra,
        )
        steps = optax.safe_increment(state.steps)
        return turned(updates, state.turned), OptimizerState(
            steps, hyper, inner, name, state.turned
        )

    return optax.GradientTransformationExtraArgs(init, update)


def evaluation_params(state: Any, params: optax.Params) -> optax.Params:
    """The weights to evaluate, where they differ from those trained.

    Args:
        state: Of `optimizer`, or of an optax program that has one in it.
        params: The parameters trained.

    Raises:
        UserError: there is not exactly one such state in it.
    """

    def is_own(node: Any) -> bool:
        return isinstance(node, OptimizerState)

    found = [leaf for leaf in jax.tree.leaves(state, is_leaf=is_own) if is_own(leaf)]
    if len(found) != 1:
        raise UserError(
            f"the state must hold that of one optimizer(...), got {len(found)}; "
            "pass the state of its init or update"
        )
    (own,) = found
    trained = turned(params, own.turned)
    return turned(lookup(own.name).evaluation_params(own.inner, trained), own.turned)


def _split(
    name: str, given: dict[str, Any]
) -> tuple[dict[str, Setting], dict[str, float], dict[str, Array]]:
    """Static settings, numbers, and arrays, which may be traced and go unchecked."""
    entry = lookup(name)
    arrays = {
        key: value
        for key, value in given.items()
        if isinstance(value, jax.Array) and key in entry.fields
    }
    for key in arrays:
        if key in entry.static:
            raise UserError(
                f"{name} {key} changes the compiled program and must be a Python value, got an "
                f'array; to optax.inject_hyperparams name it in static_args=("{key}",)'
            )
    plain = {
        key: value.item() if isinstance(value, np.generic) else value
        for key, value in given.items()
        if key not in arrays
    }
    static, numbers = split_static(resolve(name, plain))
    return static, numbers, arrays


def _shaped(named: Labels, params: optax.Params) -> Any:
    """Labels by path as a tree like the parameters'."""
    leaves, structure = flat(params, named)
    return jax.tree.unflatten(structure, [named[path] for path in leaves])
