"""What a batch costs: its starts, and the gather of its tokens, at several steps per call.

The corpus is the standard library's text, prepared into a temporary folder. Reported is the least
time of interleaved repetitions: numpy's share of a step, everything else excluded.
"""

import tempfile
import time
from typing import Any

from bestiary.data import Corpus, prepare, source, starts, stream

CONTEXT = 128
BATCH_SIZE = 16
STEPS_PER_CALL = (1, 20, 100)
REPETITIONS = 30


def run() -> list[dict[str, Any]]:
    """Rows of microseconds per batch of 16 sequences of 128 bytes."""
    with tempfile.TemporaryDirectory() as folder:
        began = time.perf_counter()
        corpus = prepare([source("stdlib")], folder)
        seconds = time.perf_counter() - began
        rows: list[dict[str, Any]] = [
            {"benchmark": "prepare", "case": "stdlib", "seconds": seconds}
        ]
        return rows + [_row(corpus, steps) for steps in STEPS_PER_CALL] + [_streamed(corpus)]


def _row(corpus: Corpus, steps: int) -> dict[str, Any]:
    order, gather = [], []
    for repetition in range(REPETITIONS):
        first = time.perf_counter()
        start = starts(
            corpus, CONTEXT, repetition, first_step=0, steps=steps, batch_size=BATCH_SIZE
        )
        second = time.perf_counter()
        corpus.sequences(start, CONTEXT)
        order.append(second - first)
        gather.append(time.perf_counter() - second)
    return {
        "benchmark": "batch",
        "case": f"{steps} steps per call",
        "starts_us": 1e6 * min(order) / steps,
        "gather_us": 1e6 * min(gather) / steps,
    }


def _streamed(corpus: Corpus) -> dict[str, Any]:
    steps = 2000
    chunks = stream(
        corpus, CONTEXT, 0, first_step=0, batch_size=BATCH_SIZE, steps_per_chunk=20, steps=steps
    )
    began = time.perf_counter()
    for _ in chunks:
        pass
    return {
        "benchmark": "batch",
        "case": "streamed, 20 steps per chunk",
        "total_us": 1e6 * (time.perf_counter() - began) / steps,
    }


if __name__ == "__main__":
    for row in run():
        print(row)
