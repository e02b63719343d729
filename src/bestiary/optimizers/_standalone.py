"""Use one of these optimizers in any optax program."""

from typing import Any, NamedTuple

import jax.numpy as jnp
import optax
from jax import Array


class StandaloneState(NamedTuple):
    """Steps taken, and the state of the transform."""

    steps: Array
    inner: Any


def standalone(
    transform: optax.GradientTransformationExtraArgs,
) -> optax.GradientTransformationExtraArgs:
    """Count the steps in the state, so that `update` needs no `step`.

    Args:
        transform: The result of an entry's `build`, with a constant learning rate.
    """

    def init(params: optax.Params) -> StandaloneState:
        return StandaloneState(jnp.zeros([], jnp.int32), transform.init(params))

    def update(
        grads: optax.Updates, state: StandaloneState, params: optax.Params, **extra: Any
    ) -> tuple[optax.Updates, StandaloneState]:
        updates, inner = transform.update(grads, state.inner, params, step=state.steps, **extra)
        return updates, StandaloneState(optax.safe_increment(state.steps), inner)

    return optax.GradientTransformationExtraArgs(init, update)
