"""Rules: what turns the gradients of a group of parameters into their updates.

Roles decide which rule a leaf gets; leaves of one rule form a group, which is clipped by its own
norm. Inside a rule, parameters are a flat dictionary from path to array.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import optax
from jax import Array

from bestiary.errors import UserError
from bestiary.specs import ROLES, Label

Leaves = dict[str, Array]
Scalar = float | Array
DECAYED_ROLES: tuple[str, ...] = ("hidden_matrix", "head")
# Kinds of parameters that hold several matrices side by side.
FUSED_KINDS = ("qkv", "qk", "kv", "gate_up", "up_gate")


def descend(param: Array, direction: Array, learning_rate: Scalar, weight_decay: Scalar) -> Array:
    """The update of decoupled weight decay: -eta (u + lambda p)."""
    return -(learning_rate * (direction + weight_decay * param))


def step_then_decay(
    param: Array, direction: Array, learning_rate: Scalar, weight_decay: Scalar
) -> Array:
    """The update where decay comes last: p - eta u, then times 1 - eta lambda."""
    return (param - learning_rate * direction) * (1 - learning_rate * weight_decay) - param


@dataclass(frozen=True, kw_only=True)
class Rule:
    """How one group of parameters is updated.

    Attributes:
        name: Its name in routing reports and in the state.
        direction: A transform from gradients to a direction to descend, over a flat dictionary
            from path to array; it may take `step=` and other extra arguments.
        learning_rate: Of this group at this step.
        weight_decay: Decoupled, of leaves whose role decays.
        decayed_roles: Those roles; not embeddings and vectors, unless the rule says so.
        max_norm: Clips the global norm of this group's gradients; 0 never clips.
        clipped_with: The name of the rule in whose group's norm this one's gradients count, and by
            whose `max_norm` they are clipped; by default a group is clipped by itself.
        advance: From parameter, direction, learning rate and weight decay to the update.
        idle_first_step: Whether step 0 leaves the parameters alone, decay included.
        elementwise: Whether the entries of a parameter never influence one another, so that it does
            not matter where one matrix ends and the next begins.
    """

    name: str
    direction: optax.GradientTransformation
    learning_rate: Scalar
    weight_decay: Scalar = 0.0
    decayed_roles: tuple[str, ...] = DECAYED_ROLES
    max_norm: Scalar = 0.0
    clipped_with: str = ""
    advance: Callable[[Array, Array, Scalar, Scalar], Array] = descend
    idle_first_step: bool = False
    elementwise: bool = False

    def decay(self, role: str) -> Scalar:
        """The weight decay of leaves of a role."""
        return self.weight_decay if role in self.decayed_roles else 0.0


def everywhere(rule: Rule) -> dict[str, Rule]:
    """One rule for parameters of every role."""
    return dict.fromkeys(ROLES, rule)


def routed(
    rules: Mapping[str, Rule], labels: dict[str, Label]
) -> optax.GradientTransformationExtraArgs:
    """Give every parameter the rule of its role.

    Arithmetic is in float32 at least; updates have the type of their parameters. The state is a
    dictionary from rule name to the state of that rule's direction.

    Args:
        rules: The rule of each role.
        labels: The label of each parameter by path.

    Raises:
        UserError: a role that occurs in `labels` has no rule, or a parameter holds several matrices
            where its rule needs to know them apart.
    """
    groups = _groups(rules, labels)

    def init(params: optax.Params) -> dict[str, Any]:
        leaves, _ = flat(params, labels)
        for rule, paths in groups:
            for path in paths:
                _check_matrix(path, leaves[path].shape, labels[path], rule)
        return {
            rule.name: rule.direction.init(_own(rule, _wide(leaves), paths, labels))
            for rule, paths in groups
        }

    def update(
        grads: optax.Updates, state: dict[str, Any], params: Any = None, **extra: Any
    ) -> tuple[optax.Updates, dict[str, Any]]:
        if params is None:
            raise no_parameters()
        if "step" not in extra:
            raise UserError(
                "update needs step=, the steps taken before, got none; "
                "pass it, or use optimizer(name, learning_rate), which counts"
            )
        grad_leaves, structure = flat(grads, labels)
        param_leaves, _ = flat(params, labels)
        calm, wide = _clipped_groups(groups, _wide(grad_leaves)), _wide(param_leaves)
        updates: Leaves = {}
        after: dict[str, Any] = {}
        for rule, paths in groups:
            own_grads = _own(rule, calm, paths, labels)
            own_params = _own(rule, wide, paths, labels)
            own_updates, after[rule.name] = _apply(
                rule, own_grads, state[rule.name], own_params, labels=labels, extra=extra
            )
            updates |= own_updates
        narrow = [
            updates[path].astype(param_leaves[path].dtype).reshape(leaf.shape)
            for path, leaf in grad_leaves.items()
        ]
        return jax.tree.unflatten(structure, narrow), after

    return optax.GradientTransformationExtraArgs(init, update)


def clipped(leaves: Leaves, max_norm: Scalar) -> Leaves:
    """Scale the leaves so that their global norm is at most `max_norm`; 0 never clips."""
    norm = optax.tree.norm(leaves)
    factor = jnp.where(jnp.asarray(max_norm) > 0, jnp.minimum(1.0, max_norm / norm), 1.0)
    factor = jnp.where(norm > 0, factor, 1.0)
    return {path: leaf * factor.astype(leaf.dtype) for path, leaf in leaves.items()}


def no_parameters() -> UserError:
    """The mistake of an update that was not given the parameters."""
    return UserError(
        "update needs the parameters, got none; call update(grads, state, params, ...)"
    )


def by_path(tree: Any) -> dict[str, Any]:
    """The leaves by path, for instance `"layers/q"`, in the order of the tree.

    The value of a variable has the variable's path: Flax NNX gives `init` variables and `update`
    their values.
    """
    leaves, _ = jax.tree_util.tree_flatten_with_path(tree)
    return {
        jax.tree_util.keystr(_without_value(path), simple=True, separator="/"): leaf
        for path, leaf in leaves
    }


def _without_value(path: tuple[Any, ...]) -> tuple[Any, ...]:
    is_value = len(path) > 1 and path[-1] == jax.tree_util.GetAttrKey("value")
    return path[:-1] if is_value else path


def flat(tree: Any, labels: dict[str, Label]) -> tuple[Leaves, Any]:
    """The leaves by path, and the tree's structure.

    Raises:
        UserError: the tree and the labels have different leaves.
    """
    leaves = by_path(tree)
    if leaves.keys() != labels.keys():
        odd = sorted(leaves.keys() ^ labels.keys())[0]
        raise UserError(f"every parameter needs exactly one label; the trees differ at {odd!r}")
    return leaves, jax.tree.structure(tree)


def _apply(
    rule: Rule,
    grads: Leaves,
    state: Any,
    params: Leaves,
    *,
    labels: dict[str, Label],
    extra: dict[str, Any],
) -> tuple[Leaves, Any]:
    """Take the direction, decay and step, for the parameters of one rule."""
    transform = optax.with_extra_args_support(rule.direction)
    directions, state = transform.update(grads, state, params, **extra)
    updates = {
        path: rule.advance(
            param,
            directions[path],
            rule.learning_rate,
            rule.decay(labels[path].role),
        )
        for path, param in params.items()
    }
    if rule.idle_first_step:
        first = jnp.asarray(extra["step"]) == 0
        updates = {path: jnp.where(first, 0.0, leaf) for path, leaf in updates.items()}
    return updates, state


def _clipped_groups(groups: list[tuple[Rule, tuple[str, ...]]], grads: Leaves) -> Leaves:
    """The gradients, those of rules that are clipped together by one norm."""
    together: dict[str, list[str]] = {}
    largest: dict[str, Scalar] = {}
    for rule, paths in groups:
        group = rule.clipped_with or rule.name
        together.setdefault(group, []).extend(paths)
        largest[group] = rule.max_norm
    calm: Leaves = {}
    for group, members in together.items():
        calm |= clipped({path: grads[path] for path in members}, largest[group])
    return calm


def _groups(
    rules: Mapping[str, Rule], labels: dict[str, Label]
) -> list[tuple[Rule, tuple[str, ...]]]:
    """The paths that each rule updates, rules in order of their first parameter."""
    paths: dict[str, list[str]] = {}
    named: dict[str, Rule] = {}
    for path, label in labels.items():
        if label.role not in rules:
            raise UserError(
                f"every parameter needs a rule, but none covers the {label.role} {path!r}; "
                f"covered roles: {', '.join(rules)}"
            )
        rule = rules[label.role]
        _check_fused(path, label, rule)
        if named.setdefault(rule.name, rule) is not rule:
            raise ValueError(f"two rules share the name {rule.name!r}")
        paths.setdefault(rule.name, []).append(path)
    return [(named[name], tuple(members)) for name, members in paths.items()]


def _wide(leaves: Leaves) -> Leaves:
    """Leaves in float32 at least."""
    return {
        path: jnp.asarray(leaf, jnp.promote_types(leaf.dtype, jnp.float32))
        for path, leaf in leaves.items()
    }


def _own(rule: Rule, leaves: Leaves, paths: tuple[str, ...], labels: dict[str, Label]) -> Leaves:
    """The leaves of one rule; to one that looks beyond entries a number is a vector of length 1."""

    def seen(path: str) -> Array:
        leaf, label = leaves[path], labels[path]
        axes = 2 if label.layers else 1
        short = label.role == "vector" and leaf.ndim < axes and not rule.elementwise
        return leaf[..., None] if short else leaf

    return {path: seen(path) for path in paths}


def _check_fused(path: str, label: Label, rule: Rule) -> None:
    if label.role == "hidden_matrix" and label.kind in FUSED_KINDS and not rule.elementwise:
        raise UserError(
            f"{rule.name} treats each matrix as a whole, but {path!r} is a {label.kind}, several "
            "matrices side by side; store them as parameters of their own"
        )


def _check_matrix(path: str, shape: tuple[int, ...], label: Label, rule: Rule) -> None:
    if label.role == "vector" or rule.elementwise:
        return
    if label.role != "hidden_matrix":
        if len(shape) < 2:
            raise UserError(
                f"the {label.role} {path!r} must be a matrix for the rule {rule.name}, got the "
                f"shape {shape}; label it a vector"
            )
        return
    stacked = (label.layers,) if label.layers else ()
    if len(shape) != len(stacked) + 2 or shape[: len(stacked)] != stacked:
        wanted = f"({label.layers}, fan_in, fan_out)" if label.layers else "(fan_in, fan_out)"
        raise UserError(
            f"the hidden matrix {path!r} must have the shape {wanted} of its label, got {shape}; "
            "join the axes of attention heads, or correct the label's layers"
        )
