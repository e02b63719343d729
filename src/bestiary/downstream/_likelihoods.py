"""How likely a model holds the continuation of a text, in batches of few shapes.

Shapes: B texts, S = T + 1 tokens, V vocabulary.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from bestiary.errors import UserError
from bestiary.models import logits
from bestiary.specs import ComputeDtype, ModelSpec

# Logits of one batch, a quarter of a gigabyte; and no more texts than fill a processor.
_LOGITS, _TEXTS = 2**26, 64
# The shortest texts are padded to this many tokens: a shape is a compilation.
_SHORTEST = 32


class Question(NamedTuple):
    """A text of two parts, in tokens: what is given, one at least, and what is asked for."""

    given: Sequence[int]
    asked: Sequence[int]


class Likelihood(NamedTuple):
    """Of one question.

    Attributes:
        nats: Log-likelihood of all that was asked for, in nats.
        is_greedy: Whether each of its tokens is the likeliest next one.
    """

    nats: float
    is_greedy: bool


def _silent(done: int, of: int) -> None:
    del done, of


class Likelihoods:
    """The log-likelihoods of one model.

    A text longer than the context loses its beginning. Texts of like length are one batch, padded
    to a power of two, so a model is compiled for few shapes; what pads a text comes after it, where
    a causal model does not look.
    """

    def __init__(self, params: Any, spec: ModelSpec, dtype: ComputeDtype = "float32") -> None:
        """Take the parameters to evaluate, of a model of this shape.

        Args:
            params: As `bestiary.train.trained` returns them.
            spec: The shape of the model.
            dtype: Type of activations and matrix products.
        """
        self._params = params
        self.spec = spec
        self._dtype = dtype

    def of(
        self, questions: Sequence[Question], told: Callable[[int, int], None] = _silent
    ) -> list[Likelihood]:
        """The likelihood of each, in order.

        Args:
            questions: What is given and asked.
            told: Is told how many of how many are answered, after every batch.

        Raises:
            UserError: nothing is given, or more is asked for than the context holds.
        """
        texts = [self._text(one) for one in questions]
        answers: list[Likelihood | None] = [None] * len(texts)
        for count, rows in _counted(self._batches(texts)):
            found = self._answered([texts[row] for row in rows], [questions[row] for row in rows])
            for row, one in zip(rows, found, strict=True):
                answers[row] = one
            told(count, len(texts))
        return [one for one in answers if one is not None]

    def _text(self, question: Question) -> np.ndarray:
        context = self.spec.context
        if not question.given:
            raise UserError("a continuation follows one token at least, got none")
        if len(question.asked) > context:
            raise UserError(
                f"a continuation must fit the model's context of {context} tokens, got "
                f"{len(question.asked)}; leave this task out"
            )
        return np.array([*question.given, *question.asked][-(context + 1) :], np.int32)

    def _batches(self, texts: Sequence[np.ndarray]) -> list[list[int]]:
        """Rows of texts that are padded to one length, the longest first: memory fails early."""
        by_length: dict[int, list[int]] = {}
        for row in sorted(range(len(texts)), key=lambda row: -len(texts[row])):
            by_length.setdefault(self._padded(len(texts[row]) - 1), []).append(row)
        return [
            rows[begin : begin + self._rows(length)]
            for length, rows in by_length.items()
            for begin in range(0, len(rows), self._rows(length))
        ]

    def _padded(self, length: int) -> int:
        power = 1 << max(length - 1, 0).bit_length()
        return min(max(power, _SHORTEST), self.spec.context)

    def _rows(self, length: int) -> int:
        return max(1, min(_TEXTS, _LOGITS // (length * self.spec.vocabulary)))

    def _answered(
        self, texts: Sequence[np.ndarray], questions: Sequence[Question]
    ) -> list[Likelihood]:
        """One batch, always of the same number of rows for its length."""
        length = self._padded(max(map(len, texts)) - 1)
        tokens_BS = np.zeros((self._rows(length), length + 1), np.int32)
        for row, text in enumerate(texts):
            tokens_BS[row, : len(text)] = text
        nats_BT, best_BT = jax.device_get(
            _predicted(self._params, tokens_BS, spec=self.spec, dtype=self._dtype)
        )
        found = []
        for row, (text, question) in enumerate(zip(texts, questions, strict=True)):
            asked = slice(len(text) - 1 - len(question.asked), len(text) - 1)
            # On the host in float64: the order of summation is fixed, whatever the batch.
            nats = float(nats_BT[row, asked].astype(np.float64).sum())
            found.append(Likelihood(nats, bool(best_BT[row, asked].all())))
        return found


def _counted(batches: Sequence[list[int]]) -> list[tuple[int, list[int]]]:
    """Each batch with the number of rows up to its end."""
    ends = np.cumsum([len(rows) for rows in batches]).tolist()
    return list(zip(ends, batches, strict=True))


@partial(jax.jit, static_argnames=("spec", "dtype"))
def _predicted(
    params: Any, tokens_BS: jax.Array, *, spec: ModelSpec, dtype: str
) -> tuple[jax.Array, jax.Array]:
    """Of every token after the first: its log-likelihood, and whether it is the likeliest."""
    logits_BTV = logits(params, tokens_BS[:, :-1], spec, jnp.dtype(dtype))
    targets_BT = tokens_BS[:, 1:]
    score_BT = jnp.take_along_axis(logits_BTV, targets_BT[..., None], axis=-1)[..., 0]
    nats_BT = score_BT - jax.nn.logsumexp(logits_BTV, axis=-1)
    return nats_BT, jnp.argmax(logits_BTV, axis=-1) == targets_BT
