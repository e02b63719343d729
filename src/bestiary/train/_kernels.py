"""The kernels of a run on this machine, by name, for its result and for who asks."""

import jax

from bestiary import models
from bestiary.specs import ModelSpec, RunSpec
from bestiary.train._threads import start_jax


def chosen_kernels(run: RunSpec, attention: str = "") -> models.Kernels:
    """The kernels of a run on this machine's devices.

    Args:
        run: The run.
        attention: What was asked for; empty takes that of the device.

    Raises:
        UserError: what was asked for does not exist, or not here.
    """
    start_jax()
    return models.kernels_for(run.model, run.compute_dtype, jax.local_devices()[0], attention)


def kernels_here(model: ModelSpec, dtype: str) -> dict[str, str]:
    """The kernels that a training of this shape and type has on this machine, by what they do."""
    start_jax()
    return named(models.kernels_for(model, dtype, jax.local_devices()[0]))


def named(kernels: models.Kernels) -> dict[str, str]:
    """Kernels by what they do, in words."""
    return {
        "attention": kernels.attention,
        "cross-entropy": f"tiles of {kernels.logits:,} logits",
    }
