"""The learning rate over a run, as a factor of the peak; every number in it is traced."""

from typing import get_args

import jax
import jax.numpy as jnp

from bestiary.errors import unknown
from bestiary.specs import ScheduleKind

KINDS: tuple[str, ...] = get_args(ScheduleKind)


def factor(
    kind: str,
    step: jax.Array,
    *,
    steps: jax.Array,
    warmup_steps: jax.Array,
    decay_fraction: jax.Array,
    final_fraction: jax.Array,
) -> jax.Array:
    """The factor on the peak learning rate at one step.

    Steps count from 0, as in the study (Levanter, which joins optax's schedules): warm-up goes
    linearly from 0, so with a warm-up the very first step has rate 0, and step `warmup_steps` is
    the first at the peak. A decay ends at `steps`, one after the last step, so the last step is
    still a little above `final_fraction`:

        warm-up   s / warmup_steps                                       s < warmup_steps
        cosine    f + (1 - f) (1 + cos(pi t)) / 2,  t = (s - warmup) / (steps - warmup)
        linear    f + (1 - f) (1 - t),              the same t
        wsd       f + (1 - f) (1 - t),              t = (s - start) / (steps - start) or 0 before,
                                                    start = steps (1 - decay_fraction)
        constant  1

    A `wsd` decay never begins inside the warm-up: its start is moved to the end of it. So `linear`
    is `wsd` with a decay fraction of 1.

    Args:
        kind: One of `KINDS`; the only static part.
        step: Optimizer steps taken so far, an integer array.
        steps: Steps of the whole run.
        warmup_steps: Steps of linear warm-up, not necessarily an integer; 0 for none.
        decay_fraction: Share of all steps that decay; read by `wsd` alone.
        final_fraction: The factor f at the end of a decay; not read by `constant`.

    Returns:
        The factor, a float32 scalar between 0 and 1.

    Raises:
        UserError: there is no schedule of that kind.
    """
    if kind not in KINDS:
        raise unknown("schedule", kind, KINDS)
    now = jnp.asarray(step, jnp.float32)
    warm = jnp.where(warmup_steps > 0, now / jnp.maximum(warmup_steps, 1e-9), 1.0)
    if kind == "constant":
        return jnp.minimum(warm, 1.0)
    begin = warmup_steps
    if kind == "wsd":
        begin = jnp.maximum(steps * (1.0 - decay_fraction), warmup_steps)
    # The guard is for a run that is all warm-up, or does not decay: t then stays 0.
    t = jnp.clip((now - begin) / jnp.maximum(steps - begin, 1e-9), 0.0, 1.0)
    fall = (1.0 + jnp.cos(jnp.pi * t)) / 2.0 if kind == "cosine" else 1.0 - t
    return jnp.minimum(warm, final_fraction + (1.0 - final_fraction) * fall)
