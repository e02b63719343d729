"""Seconds to compile a run, with an empty persistent cache (cold) and with a filled one (warm)."""

import os
import subprocess
import sys
import tempfile
from typing import Any

_CHILD = """
from benchmarks import _runs
with _runs.corpus() as text:
    print(_runs.timed({shape!r}, "adamw", 2, text).compile_seconds)
"""


def run() -> list[dict[str, Any]]:
    """One row per shape; each measurement is a fresh process."""
    rows = []
    for shape in ("a", "b", "c"):
        with tempfile.TemporaryDirectory() as cache:
            cold, warm = (_compile_seconds(shape, cache) for _ in range(2))
        rows.append(
            {"benchmark": "compilation", "shape": shape, "cold_seconds": cold, "warm_seconds": warm}
        )
    return rows


def _compile_seconds(shape: str, cache: str) -> float:
    command = [sys.executable, "-c", _CHILD.format(shape=shape)]
    environment = os.environ | {"BESTIARY_CACHE": cache}
    child = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return float(child.stdout.split()[-1])
