"""When Kron fits its preconditioner: often at first, seldom later, and never by chance."""

import functools
import math

import jax.numpy as jnp
import numpy as np
from jax import Array

from bestiary.optimizers._rules import Scalar

BALANCE_EVERY = 100  # Fits of the preconditioner between two balancings of its factors.


def fit_is_due(step: Scalar, *, flat: int, decay: float, least: float) -> tuple[Array, Array]:
    """Whether this step fits the preconditioner, and whether it also balances the factors.

    The probability of a fit, clip(exp(-decay (t - flat)), least, 1) at step t = 1, 2, ..., is
    executed by a counter: a fit happens when 1 / probability steps have passed since the last.
    Both answers depend on the step alone, so that no population batches them.

    Args:
        step: Steps taken before, from 0.
        flat: Steps at probability 1.
        decay: Of the probability.
        least: The probability in the end.
    """
    due, fits = _table(flat, decay, least)
    last, period = len(due) - 1, math.ceil(1 / least)
    beyond = jnp.maximum(jnp.asarray(step) - last, 0)
    index = jnp.minimum(jnp.asarray(step), last)
    is_due = jnp.asarray(due)[index] & (beyond % period == 0)
    count = jnp.asarray(fits)[index] + beyond // period
    return is_due, is_due & (count % BALANCE_EVERY == 0)


@functools.cache
def _table(flat: int, decay: float, least: float) -> tuple[np.ndarray, np.ndarray]:
    """Whether each step fits, and fits so far, up to a fit at the least probability."""
    due: list[bool] = []
    waited, probability = 0, 1.0
    while not due or probability > least or waited > 0:
        probability = min(1.0, max(least, math.exp(min(0.0, -decay * (len(due) + 1 - flat)))))
        waited += 1
        due.append(waited >= 1 / probability)
        waited = 0 if due[-1] else waited
    return np.array(due), np.cumsum(due, dtype=np.int32)
