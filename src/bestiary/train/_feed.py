"""Batches for the compiled program: starts into a resident corpus, or streamed sequences.

Both come from the same pure function of (seed, step), so they are the same batches. Shapes: C steps
that fit one dispatch, K runs of the population, B sequences, S = context + 1 tokens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import jax
import jax.numpy as jnp
import numpy as np

from bestiary import data
from bestiary.specs import RunSpec

# Tokens are addressed by int32 on the device.
_MOST_RESIDENT_TOKENS = 2**31 - 1
# A streamed dispatch holds at most this many tokens per run.
_MOST_STREAMED_TOKENS = 2**24
_CAPACITY = 64
# Model FLOPs of one dispatch: enough to hide the host and to fault in the temporary buffer once
# for many steps (4M parameters on two cores: 17% faster with three steps than with one), little
# enough to answer a request to stop in a few seconds.
_DISPATCH_FLOPS = {"cpu": 4e11}
_ACCELERATOR_FLOPS = 1e14


@dataclass(frozen=True)
class Feed:
    """The inputs of each dispatch.

    Attributes:
        corpus: The prepared corpus.
        run: Any of the population's runs; they have the same shapes.
        seeds: The seed of each run.
        tokens: The training tokens on the device; one unused token where the corpus is streamed.
        resident: Whether `tokens` is the corpus.
        capacity: C, the rows of the inputs; the same for runs of any length, so that they share a
            program.
        most: Most steps in one dispatch.
    """

    corpus: data.Corpus
    run: RunSpec
    seeds: tuple[int, ...]
    tokens: jax.Array
    resident: bool
    capacity: int
    most: int

    def inputs(self, first: int, count: int) -> np.ndarray:
        """The inputs of `count` steps from `first` on, padded to `capacity`.

        Returns:
            Starts (C, K, B), int32, or streamed tokens (C, K, B, S); without K for one run.
        """
        by_seed = {seed: self._of_seed(seed, first, count) for seed in set(self.seeds)}
        inputs = np.stack([by_seed[seed] for seed in self.seeds], axis=1)
        padding = [(0, self.capacity - count)] + [(0, 0)] * (inputs.ndim - 1)
        padded = np.pad(inputs, padding)
        return padded[:, 0] if len(self.seeds) == 1 else padded

    def _of_seed(self, seed: int, first: int, count: int) -> np.ndarray:
        context = self.run.model.context
        starts = data.starts(
            self.corpus,
            context,
            seed,
            first_step=first,
            steps=count,
            batch_size=self.run.batch_size,
        )
        return starts.astype(np.int32) if self.resident else self.corpus.sequences(starts, context)


def feed(
    runs: Sequence[RunSpec],
    corpus: data.Corpus,
    *,
    resident_bytes: int,
    steps_per_dispatch: int,
    place: jax.sharding.Sharding | None = None,
) -> Feed:
    """Put the corpus on the device where it fits, and decide how many steps a dispatch has.

    Args:
        runs: The population.
        corpus: The prepared corpus.
        resident_bytes: Most bytes of a corpus on the device.
        steps_per_dispatch: Most steps in one dispatch; 0 lets their cost decide.
        place: Where the corpus is put, of several devices.
    """
    tokens = _resident(corpus, resident_bytes)
    run = runs[0]
    capacity = _CAPACITY
    if tokens is None:
        step_tokens = run.batch_size * (run.model.context + 1)
        capacity = max(1, min(capacity, _MOST_STREAMED_TOKENS // step_tokens))
    return Feed(
        corpus=corpus,
        run=run,
        seeds=tuple(one.seed for one in runs),
        tokens=jnp.asarray(np.zeros(1, np.uint16) if tokens is None else tokens, device=place),
        resident=tokens is not None,
        capacity=capacity,
        most=min(capacity, steps_per_dispatch or _worthwhile_steps(run, len(runs))),
    )


def _resident(corpus: data.Corpus, resident_bytes: int) -> np.ndarray | None:
    """The training tokens as one array, or None where they are to be streamed."""
    if corpus.train_token_count > _MOST_RESIDENT_TOKENS:
        return None
    tokens = corpus.train_tokens
    return None if tokens is None or tokens.nbytes > resident_bytes else tokens


def _worthwhile_steps(run: RunSpec, population: int) -> int:
    flops = run.model.flops_per_token * run.batch_size * run.model.context * population
    budget = _DISPATCH_FLOPS.get(jax.default_backend(), _ACCELERATOR_FLOPS)
    return max(1, round(budget / flops))
