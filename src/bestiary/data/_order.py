"""Which sequences a step reads: a pure, vectorised function of (seed, step)."""

import numpy as np

from bestiary.data._corpus import Corpus
from bestiary.data._mixture import locate
from bestiary.data._permutation import key_of, shuffled
from bestiary.errors import UserError


def starts(
    corpus: Corpus,
    context: int,
    seed: int,
    *,
    first_step: int,
    steps: int,
    batch_size: int,
) -> np.ndarray:
    """Where the sequences of some steps begin in the training tokens.

    Position p = step * batch_size + row of the data order belongs to a source (by quotas, see
    `_mixture`) and has a running index i there. A source of n tokens has (n - 1) // context
    sequences; i walks through all of them once per epoch, every epoch in another seeded order.
    Sequence k begins at token k * context, so that each token is predicted once.

    Args:
        corpus: What is read.
        context: Predicted tokens of a sequence.
        seed: Decides the order.
        first_step: The first step, from 0.
        steps: How many steps.
        batch_size: Sequences of a step.

    Returns:
        int64 (steps, batch_size): offsets into the training tokens, source after source.

    Raises:
        UserError: a source is shorter than one sequence, or a negative argument.
    """
    if min(first_step, steps, batch_size, seed) < 0:
        raise UserError(
            "seed, first_step, steps and batch_size must not be negative, "
            f"got {seed}, {first_step}, {steps}, {batch_size}"
        )
    sizes = _epochs(corpus, context)
    position_N = np.arange(first_step * batch_size, (first_step + steps) * batch_size)
    if len(sizes) == 1:
        start_N = shuffled(position_N, sizes[0], key_of(seed, 0)) * context
        return start_N.reshape(steps, batch_size)
    source_N, index_N = locate(position_N, tuple(part.quota for part in corpus.parts))
    start_N = np.empty(position_N.shape, np.int64)
    offset = 0
    for source, (part, size) in enumerate(zip(corpus.parts, sizes, strict=True)):
        mine_N = source_N == source
        order_N = shuffled(index_N[mine_N], size, key_of(seed, source))
        start_N[mine_N] = offset + order_N * context
        offset += part.tokens
    return start_N.reshape(steps, batch_size)


def _epochs(corpus: Corpus, context: int) -> list[int]:
    """Sequences of each source in an epoch."""
    corpus.require(context)
    return [(part.tokens - 1) // context for part in corpus.parts]
