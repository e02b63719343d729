"""Into how many micro-batches a step is divided, so that it fits into the memory at hand.

More of them change the order in which gradients are summed, so the last bits of a run; they are how
it is carried out, and no part of its identity.
"""

import math
import os
from collections.abc import Iterator, Sequence
from functools import partial

import jax
import jax.numpy as jnp

from bestiary.errors import UserError
from bestiary.specs import (
    UNROLLED_LAYERS,
    USABLE_MEMORY,
    Placement,
    RunSpec,
    training_bytes,
)
from bestiary.store import machine_bytes
from bestiary.train._step import abstract_hyper, recipe, start

VARIABLE = "BESTIARY_MEMORY_BYTES"
# A training that takes less is not reckoned any further: the state's size needs tracing.
_SMALL = 2**28
# A micro-batch of so many tokens times the model's width fills a GPU: 130m on an H200 took 140 ms
# of 8 sequences, 275 ms of 16, and smaller ones were not measured.
_FILLING = 2**24


def memory_bytes() -> int:
    """What one training may take: as `BESTIARY_MEMORY_BYTES` says, else all of this device.

    Raises:
        UserError: that is no number of bytes.
    """
    stated = os.environ.get(VARIABLE, "")
    if stated:
        if not stated.isdecimal() or int(stated) == 0:
            raise UserError(f"{VARIABLE} is a number of bytes, got {stated[:80]!r}")
        return int(stated)
    statistics = jax.local_devices()[0].memory_stats() or {}
    return int(statistics.get("bytes_limit", 0)) or machine_bytes()


def micro_batches(runs: Sequence[RunSpec], placement: Placement) -> int:
    """How many micro-batches a step has: the run's own, or as many more as fit the memory.

    On a GPU that is the memory of all activations, which saves computing them again, as long as the
    micro-batches fill it. Where not even one sequence at a time should fit by the estimate, it is
    tried all the same.
    """
    options = list(_options(runs[0], placement))
    least = _bytes(runs, placement, options[0], state_bytes=0, recomputed=True)
    if len(options) == 1 or least < _SMALL:
        return options[0]
    state, room = _state_bytes(runs[0]), USABLE_MEMORY * memory_bytes()
    need = partial(_bytes, runs, placement, state_bytes=state)
    keeping = [one for one in options if _fills(runs[0], placement, one)]
    if found := next((one for one in keeping if need(one, recomputed=False) <= room), 0):
        return found
    return next((one for one in options if need(one, recomputed=True) <= room), options[-1])


def _fills(run: RunSpec, placement: Placement, micro_batches: int) -> bool:
    """Whether micro-batches of deep layers keep a GPU busy; elsewhere fewest are best."""
    if jax.default_backend() != "gpu" or run.model.layers <= UNROLLED_LAYERS:
        return False
    sequences = run.batch_size // micro_batches // placement.batch_parts
    return sequences * run.model.context * run.model.hidden >= _FILLING


def recomputed(runs: Sequence[RunSpec], placement: Placement, micro_batches: int) -> bool:
    """Whether layers compute their activations again: where a loop cannot keep them all.

    To keep them is faster (17m on a CPU: 7%), and needs the more memory the more layers.
    """
    if runs[0].model.layers <= UNROLLED_LAYERS:
        return False
    need = partial(_bytes, runs, placement, micro_batches, recomputed=False)
    if need(state_bytes=0) < _SMALL:
        return False
    return need(state_bytes=_state_bytes(runs[0])) > USABLE_MEMORY * memory_bytes()


def smaller(
    run: RunSpec, placement: Placement, micro_batches: int, again: bool
) -> tuple[int, bool] | None:
    """What takes less memory: activations computed again, then more micro-batches; None if nothing.

    Args:
        run: Any of the population.
        placement: The mesh.
        micro_batches: How many there are now.
        again: Whether activations are computed again now.
    """
    if not again and run.model.layers > UNROLLED_LAYERS:
        return micro_batches, True
    parts = more(run, placement, micro_batches)
    return None if parts is None else (parts, again)


def more(run: RunSpec, placement: Placement, than: int) -> int | None:
    """At least twice as many micro-batches; None where each has the fewest sequences already."""
    return next((one for one in _options(run, placement) if one >= 2 * than), None)


def _options(run: RunSpec, placement: Placement) -> Iterator[int]:
    """The numbers of micro-batches that divide the batch evenly, over the devices too."""
    sequences = run.batch_size // run.accumulation
    small = [one for one in range(1, math.isqrt(sequences) + 1) if sequences % one == 0]
    for parts in sorted({*small, *(sequences // one for one in small)}):
        if (sequences // parts) % placement.batch_parts == 0:
            yield run.accumulation * parts


def _bytes(
    runs: Sequence[RunSpec],
    placement: Placement,
    micro_batches: int,
    *,
    state_bytes: int,
    recomputed: bool,
) -> float:
    """What one device needs for a population."""
    run = runs[0]
    sequences = run.batch_size // micro_batches // placement.batch_parts
    curvature = recipe(run).entry.needs_curvature
    need = training_bytes(
        run.model,
        max(1, sequences),
        state_bytes,
        curvature=curvature,
        platform=(platform := jax.default_backend()),
        itemsize=4 if platform == "cpu" else jnp.dtype(run.compute_dtype).itemsize,
        recomputed=recomputed,
    )
    held = training_bytes(run.model, 0, state_bytes)
    return len(runs) * (need - held + held / (placement.shard * placement.model))


def _state_bytes(run: RunSpec) -> int:
    of = recipe(run)
    _, state = jax.eval_shape(partial(start, of), abstract_hyper(of))
    return sum(leaf.size * leaf.dtype.itemsize for leaf in jax.tree.leaves(state))
