"""Validation losses of a population, in nats per token.

Shapes: K runs of the population, E evaluation batches of B sequences, S = context + 1 tokens.
"""

from functools import cached_property
from typing import Any

import numpy as np

from bestiary import data
from bestiary.specs import SPLITS, RunSpec
from bestiary.train._program import Program

# Logits of one batch, half a gigabyte: the program holds all of a batch at once, unlike training.
_LOGITS = 2**27


class Judge:
    """Evaluates parameters on every validation set.

    Attributes:
        compile_seconds: Seconds spent on compiling so far.
        bytes_per_token: Of each split, to turn nats per token into bits per byte.
    """

    def __init__(self, program: Program, run: RunSpec, corpus: data.Corpus) -> None:
        """Read nothing yet: a run may diverge before its first evaluation."""
        self.compile_seconds = 0.0
        self.bytes_per_token = {split: corpus.bytes_per_token(split) for split in SPLITS}
        self._program = program
        self._run = run
        self._corpus = corpus

    def losses(self, params: Any, state: Any) -> list[dict[str, float]]:
        """The mean loss of every run on every split; each sequence counts the same.

        Args:
            params: Of the population.
            state: The optimizer's, which may hold other weights to evaluate.
        """
        sequences_EBS = self._program.laid(self._batches)
        state = self._program.judged_state(state)
        evaluate, seconds = self._program.evaluate.compiled(params, state, sequences_EBS)
        self.compile_seconds += seconds
        losses = np.asarray(evaluate(params, state, sequences_EBS), np.float64)
        losses = losses.reshape(self._program.population, -1)
        # On the host in float64: the order of summation is fixed, whatever the batches.
        return [
            {split: float(row[rows].mean()) for split, rows in self._rows.items()} for row in losses
        ]

    @cached_property
    def _sets(self) -> dict[str, np.ndarray]:
        context, most = self._run.model.context, self._run.evaluation_sequences
        whole = {split: self._corpus.validation(split, context) for split in SPLITS}
        return {
            split: sequences[_spread(len(sequences), most)] for split, sequences in whole.items()
        }

    @cached_property
    def _rows(self) -> dict[str, slice]:
        """Where each split stands among all sequences."""
        rows, begin = {}, 0
        for split, sequences in self._sets.items():
            rows[split] = slice(begin, begin + len(sequences))
            begin += len(sequences)
        return rows

    @cached_property
    def _batches(self) -> np.ndarray:
        """All splits in one array (E, B, S), padded with zeros that no split reads."""
        sequences = np.concatenate(list(self._sets.values()))
        model = self._run.model
        most = max(1, _LOGITS // (model.context * model.vocabulary))
        size = min(self._run.batch_size // self._program.recipe.micro_batches, len(sequences), most)
        size += -size % self._program.placement.batch_parts
        padded = np.pad(sequences, ((0, -len(sequences) % size), (0, 0)))
        return padded.reshape(-1, size, sequences.shape[1])


def _spread(rows: int, most: int) -> np.ndarray:
    """At most `most` row indices, evenly spaced: the first rows would be a few documents."""
    count = min(rows, most) if most else rows
    return np.arange(count) * rows // count
