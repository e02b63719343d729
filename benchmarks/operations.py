"""Where the time of a training step on a CPU goes: its operations, by the compiler's profiler.

Products apart from all that lies between them. An operation's time is the first quartile of its
timings, because another job on the core only makes some of them longer.
"""

import collections
import statistics
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax.profiler

from benchmarks import _runs
from bestiary.data import Corpus
from bestiary.specs import SIZES

STEPS = {"33k": 48, "262k": 16, "1m": 8, "4m": 4, "17m": 2}
# What only holds other operations, which are counted themselves.
_CONTAINERS = ("while", "call", "conditional")
_PRODUCTS = ("dot", "matrix_product")
_PROGRAM = "jit__advance"


def run() -> list[dict[str, Any]]:
    """One row a size: milliseconds of a step with AdamW, in products and between them."""
    _runs.SHAPES.update({size: SIZES[size] for size in STEPS})
    with _runs.corpus() as text:
        return [_row(size, steps, text) for size, steps in STEPS.items()]


def _row(size: str, steps: int, text: Corpus) -> dict[str, Any]:
    _runs.timed(size, "adamw", steps, text)  # compiles
    with tempfile.TemporaryDirectory() as folder:
        with jax.profiler.trace(folder):
            result = _runs.timed(size, "adamw", steps, text)
        milliseconds = {
            name: statistics.quantiles(times, n=4)[0] * len(times) / steps / 1e6
            for name, times in _times(Path(folder)).items()
            if len(times) > 1 and not name.startswith(_CONTAINERS)
        }
    products = sum(one for name, one in milliseconds.items() if name.startswith(_PRODUCTS))
    between = {name: one for name, one in milliseconds.items() if not name.startswith(_PRODUCTS)}
    tokens = _runs.BATCH_SIZE * SIZES[size].context
    return {
        "benchmark": "operations",
        "size": size,
        "products_ms": products,
        "between_ms": sum(between.values()),
        "largest_between_ms": max(between.values()),
        "step_ms_on_the_clock": 1e3 * result.step_seconds,
        "products_gflops": tokens * SIZES[size].flops_per_token / products / 1e6,
        "operations": len(milliseconds),
    }


def _times(folder: Path) -> dict[str, list[float]]:
    """Nanoseconds of every operation of the training program, each time it ran."""
    found: dict[str, list[float]] = collections.defaultdict(list)
    for name, nanoseconds in _events(folder):
        found[name].append(nanoseconds)
    return found


def _events(folder: Path) -> Iterator[tuple[str, float]]:
    for path in folder.rglob("*.xplane.pb"):
        for plane in jax.profiler.ProfileData.from_file(str(path)).planes:
            for line in plane.lines:
                for event in line.events:
                    if dict(event.stats).get("hlo_module", "") == _PROGRAM:
                        yield event.name, event.duration_ns
