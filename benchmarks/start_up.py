"""How long `bestiary --help` takes, as a fresh process."""

import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROUNDS = 11


def run() -> list[dict[str, Any]]:
    """Seconds of wall-clock time: median, fastest and slowest; `python -c pass` beside it."""
    bestiary = str(Path(sys.executable).with_name("bestiary"))
    commands = {"bestiary --help": [bestiary, "--help"], "python": [sys.executable, "-c", "pass"]}
    return [_row(name, command) for name, command in commands.items()]


def _row(name: str, command: list[str]) -> dict[str, Any]:
    seconds = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        subprocess.run(command, capture_output=True, check=True)
        seconds.append(time.perf_counter() - began)
    return {
        "benchmark": "start_up",
        "command": name,
        "median_seconds": statistics.median(seconds),
        "fastest_seconds": min(seconds),
        "slowest_seconds": max(seconds),
    }
