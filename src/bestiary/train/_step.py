"""One optimizer step of one run, as a pure function; what is static is bound, the rest traced.

Shapes: B sequences of a step, M of a micro-batch, S = context + 1 tokens of a sequence.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import optax

from bestiary import models, optimizers
from bestiary.specs import ModelSpec, RunSpec, Setting
from bestiary.train._curvature import Curvature
from bestiary.train._mesh import as_stored
from bestiary.train._schedules import factor

# Apart from the small numbers that the initialisation folds into the same key.
_CURVATURE_STREAM = 0x5EED

Params = Any
State = Any


class Hyper(NamedTuple):
    """Everything about a run that is data: float32 scalars, with a leading axis in a population.

    Attributes:
        optimizer: The optimizer's traced hyperparameters; the learning rate is the peak.
        schedule: The schedule's parameters, and `steps`, the length of the run: a run of another
            length is the same program.
        key: The two uint32 words of the run's random key.
    """

    optimizer: dict[str, Any]
    schedule: dict[str, Any]
    key: Any


class StepReadings(NamedTuple):
    """What a step reports."""

    loss: jax.Array
    grad_norm: jax.Array
    learning_rate: jax.Array


@dataclass(frozen=True)
class Recipe:
    """What decides the compiled program of a step; equal recipes share one compilation."""

    model: ModelSpec
    optimizer: str
    static: tuple[tuple[str, Setting], ...]
    schedule: str
    batch_size: int
    accumulation: int
    compute_dtype: str
    micro_batches: int
    kernels: models.Kernels = models.REFERENCE

    @cached_property
    def labels(self) -> Any:
        """The label of every parameter."""
        return models.labels(self.model)

    @property
    def entry(self) -> optimizers.Optimizer:
        """The optimizer's entry in the catalogue."""
        return optimizers.lookup(self.optimizer)

    def loss(self, params: Params, tokens_BS: jax.Array) -> jax.Array:
        """Mean nats per token of some sequences."""
        return models.loss(
            params,
            models.over_batch(tokens_BS),
            self.model,
            jnp.dtype(self.compute_dtype),
            kernels=self.kernels,
        )

    def transform(self, hyper: dict[str, jax.Array]) -> optax.GradientTransformationExtraArgs:
        """The optimizer with these traced hyperparameters; the learning rate is this step's."""
        settings: dict[str, Any] = {**dict(self.static), **hyper}
        record = self.entry.hyperparameters(**settings)
        return self.entry.build(record, self.labels)


def recipe(
    run: RunSpec, micro_batches: int = 0, kernels: models.Kernels = models.REFERENCE
) -> Recipe:
    """The part of a run that is compiled.

    Args:
        run: The run.
        micro_batches: In how many parts a step's gradient is computed, a multiple of the run's own
            accumulation; 0 takes that.
        kernels: What computes loss and gradient.
    """
    static, _ = optimizers.split_static(run.optimizer)
    return Recipe(
        model=run.model,
        optimizer=run.optimizer.name,
        static=tuple(sorted(static.items())),
        schedule=run.schedule.kind,
        batch_size=run.batch_size,
        accumulation=run.accumulation,
        compute_dtype=run.compute_dtype,
        micro_batches=micro_batches or run.accumulation,
        kernels=kernels,
    )


def hyper(run: RunSpec) -> Hyper:
    """The part of a run that is data, on the host."""
    _, traced = optimizers.split_static(run.optimizer)
    schedule = {
        "steps": run.steps,
        "warmup_steps": run.schedule.warmup_steps,
        "decay_fraction": run.schedule.decay_fraction,
        "final_fraction": run.schedule.final_fraction,
    }
    # The words of `jax.random.key(seed)`, for any seed below 2**64.
    words = np.array([run.seed >> 32, run.seed & 0xFFFFFFFF], np.uint32)
    optimizer, schedule = jax.tree.map(np.float32, (traced, schedule))
    return Hyper(optimizer, schedule, words)


def abstract_hyper(of: Recipe) -> Hyper:
    """The shapes of what `hyper` returns."""
    number = jax.ShapeDtypeStruct((), jnp.float32)
    traced = [name for name in of.entry.fields if name not in of.entry.static]
    schedule = ("steps", "warmup_steps", "decay_fraction", "final_fraction")
    words = jax.ShapeDtypeStruct((2,), jnp.uint32)
    return Hyper(dict.fromkeys(traced, number), dict.fromkeys(schedule, number), words)


def start(of: Recipe, hyper: Hyper) -> tuple[Params, State]:
    """Initial parameters and optimizer state."""
    params = models.init(of.model, _key(hyper.key))
    return params, of.transform(hyper.optimizer).init(params)


def take_step(
    of: Recipe,
    params: Params,
    state: State,
    *,
    hyper: Hyper,
    tokens_BS: jax.Array,
    step: jax.Array,
) -> tuple[Params, State, StepReadings]:
    """Train on one batch.

    The learning rate of the step is the peak times the schedule's factor; weight decay follows it
    because it is multiplied by the rate inside the optimizer.

    Args:
        of: What is compiled.
        params: The parameters.
        state: The optimizer's state.
        hyper: The traced hyperparameters, and the random key for a need of curvature.
        tokens_BS: The sequences of the step.
        step: Steps taken before; never batched, so that a `lax.cond` on it stays a branch.

    Returns:
        The new parameters and state, and what the step measured.
    """
    rate = hyper.optimizer["learning_rate"] * factor(of.schedule, step, **hyper.schedule)
    loss, grads = gradient(of, params, tokens_BS)
    transform = of.transform(hyper.optimizer | {"learning_rate": rate})
    extra: dict[str, Any] = {"step": step}
    if of.entry.needs_curvature:
        extra["curvature"] = _curvature(of, params, hyper.key, tokens_BS, step)
    updates, state = transform.update(grads, state, params, **extra)
    measured = StepReadings(loss, optax.tree.norm(grads), rate)
    return optax.apply_updates(params, updates), state, measured


def gradient(of: Recipe, params: Params, tokens_BS: jax.Array) -> tuple[jax.Array, Params]:
    """The mean loss of a batch and its gradient, where the parameters lie.

    Args:
        of: What is compiled.
        params: The parameters.
        tokens_BS: The sequences of the step.
    """
    loss, grads = _gradient(of.loss, params, tokens_BS, of.micro_batches)
    return loss, as_stored(grads, of.model)


def _key(words: jax.Array) -> jax.Array:
    return jax.random.wrap_key_data(words, impl="threefry2x32")


def _curvature(
    of: Recipe, params: Params, key_words: jax.Array, tokens_BS: jax.Array, step: jax.Array
) -> Curvature:
    """The curvature on the first of the run's own micro-batches, with a key for this step alone."""
    key = jax.random.fold_in(jax.random.fold_in(_key(key_words), _CURVATURE_STREAM), step)
    micro_batch = tokens_BS[: of.batch_size // of.accumulation]
    parts = of.micro_batches // of.accumulation
    return Curvature(of.model, jnp.dtype(of.compute_dtype), micro_batch, params, key, parts)


def _gradient(
    loss: Callable[[Params, jax.Array], jax.Array],
    params: Params,
    tokens_BS: jax.Array,
    micro_batches: int,
) -> tuple[jax.Array, Params]:
    """The mean loss over the micro-batches and its gradient, one micro-batch at a time."""
    differentiated = jax.value_and_grad(loss)
    if micro_batches == 1:
        return differentiated(params, tokens_BS)
    tokens_AMS = tokens_BS.reshape(micro_batches, -1, tokens_BS.shape[-1])

    def add(total: Any, tokens_MS: jax.Array) -> tuple[Any, None]:
        return jax.tree.map(jnp.add, total, differentiated(params, tokens_MS)), None

    zero = jax.tree.map(jnp.zeros_like, (jnp.float32(0), params))
    total, _ = jax.lax.scan(add, zero, tokens_AMS)
    return jax.tree.map(lambda leaf: leaf / micro_batches, total)
