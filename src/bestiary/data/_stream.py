"""Batches of a corpus that does not fit into memory, read ahead by a thread."""

from collections import deque
from collections.abc import Generator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np

from bestiary.data._corpus import Corpus
from bestiary.data._order import starts

AHEAD = 2


def stream(
    corpus: Corpus,
    context: int,
    seed: int,
    *,
    first_step: int,
    batch_size: int,
    steps_per_chunk: int,
    steps: int | None = None,
) -> Generator[np.ndarray, None, None]:
    """The batches of steps `first_step` onwards, chunk by chunk, two chunks ahead of the reader.

    Args:
        corpus: What is read.
        context: Predicted tokens of a sequence.
        seed: Decides the order, as in `starts`.
        first_step: The first step, from 0.
        batch_size: Sequences of a step.
        steps_per_chunk: Steps of every chunk, the last one perhaps excepted.
        steps: How many steps; without end where None.

    Yields:
        int32 (steps_per_chunk, batch_size, context + 1), equal to
        `corpus.sequences(starts(...), context)`. Closing the generator ends the thread.
    """
    end = None if steps is None else first_step + steps
    pending: deque[Future[np.ndarray]] = deque()

    def read(step: int, count: int) -> np.ndarray:
        start = starts(corpus, context, seed, first_step=step, steps=count, batch_size=batch_size)
        return corpus.sequences(start, context)

    step = first_step
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="bestiary-data") as pool:
        try:
            while True:
                while len(pending) <= AHEAD and (end is None or step < end):
                    count = steps_per_chunk if end is None else min(steps_per_chunk, end - step)
                    pending.append(pool.submit(read, step, count))
                    step += count
                if not pending:
                    return
                yield pending.popleft().result()
        finally:
            pool.shutdown(wait=False, cancel_futures=True)
