"""Training throughput, and its ratio to the rate of the model's own matrix products.

Both are measured in turns in one process, because machines like laptops are shared: the ratio is
steadier than either. Model FLOPs are `ModelSpec.flops_per_token`, attention's causal half included.
"""

import statistics
from typing import Any

from benchmarks import _runs
from benchmarks._products import rate
from bestiary.data import Corpus

STEPS = {"a": 120, "b": 60, "c": 12}
ROUNDS = 5


def run() -> list[dict[str, Any]]:
    """One row per shape: medians over interleaved rounds, and the range of tokens per second."""
    with _runs.corpus() as text:
        return [_row(shape, steps, text) for shape, steps in STEPS.items()]


def _row(shape: str, steps: int, text: Corpus) -> dict[str, Any]:
    model = _runs.SHAPES[shape]
    tokens_per_second, products, ratios = [], [], []
    _runs.timed(shape, "adamw", steps, text)  # compiles
    for _ in range(ROUNDS):
        products.append(rate(model, _runs.BATCH_SIZE * model.context))
        result = _runs.timed(shape, "adamw", steps, text)
        speed = _runs.BATCH_SIZE * model.context / result.step_seconds
        tokens_per_second.append(speed)
        ratios.append(speed * model.flops_per_token / products[-1])
    return {
        "benchmark": "training",
        "shape": shape,
        "parameters": model.parameters,
        "tokens_per_second": statistics.median(tokens_per_second),
        "slowest": min(tokens_per_second),
        "fastest": max(tokens_per_second),
        "model_gflops": statistics.median(tokens_per_second) * model.flops_per_token / 1e9,
        "matmul_gflops": statistics.median(products) / 1e9,
        "ratio": statistics.median(ratios),
    }
