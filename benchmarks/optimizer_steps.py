"""What a training step costs with each optimizer, over AdamW's in the same round."""

import statistics
from typing import Any

from benchmarks import _runs
from bestiary.optimizers import CATALOGUE

SHAPE = "b"
STEPS = 40
ROUNDS = 3


def run() -> list[dict[str, Any]]:
    """One row per optimizer: milliseconds of a whole training step, median of all rounds."""
    seconds: dict[str, list[float]] = {name: [] for name in CATALOGUE}
    with _runs.corpus() as text:
        for _ in range(ROUNDS):
            for name, times in seconds.items():
                times.append(_runs.timed(SHAPE, name, STEPS, text).step_seconds)
    return [
        {
            "benchmark": "optimizer_steps",
            "optimizer": name,
            "step_ms": 1e3 * statistics.median(times),
            "over_adamw": statistics.median(
                own / base for own, base in zip(times, seconds["adamw"], strict=True)
            ),
        }
        for name, times in seconds.items()
    ]
