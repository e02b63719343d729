"""Training beside PyTorch, eager and compiled, in interleaved rounds on one machine.

Two settings: one process that may use every core, and one process per core, which is what a study
does. Both sides train the same thing (`_peer.py`). Needs the extra `peers`; torch.compile also
needs a C++ compiler.
"""

import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bestiary.errors import UserError
from bestiary.train import environment

SIZES = ("33k", "262k", "1m", "4m", "17m")
ROUNDS = 3
KINDS = ("ours", "torch", "torch.compile")


def run() -> list[dict[str, Any]]:
    """One row per size: median tokens per second of each, and ours over the better torch.

    Raises:
        UserError: torch, or the C++ compiler that torch.compile wants, is missing.
    """
    if importlib.util.find_spec("torch") is None:
        raise UserError("peers needs torch, which is not installed; install the extra 'peers'")
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++", "c++")):
        raise UserError("peers needs a C++ compiler for torch.compile, found none; install g++")
    return [_row(size) for size in SIZES]


def _row(size: str) -> dict[str, Any]:
    one: dict[str, list[float]] = {kind: [] for kind in KINDS}
    each: dict[str, list[float]] = {kind: [] for kind in KINDS}
    for _ in range(ROUNDS):
        for kind in KINDS:
            one[kind].append(_rate(kind, size, cores=[]))
            each[kind].append(_rate(kind, size, cores=sorted(os.sched_getaffinity(0))))
    medians = {kind: statistics.median(rates) for kind, rates in one.items()}
    pinned = {kind: statistics.median(rates) for kind, rates in each.items()}
    return {
        "benchmark": "peers",
        "size": size,
        **{kind: round(rate) for kind, rate in medians.items()},
        **{f"{kind}, one a core": round(rate) for kind, rate in pinned.items()},
        "ratio": _ratio(medians),
        "ratio, one a core": _ratio(pinned),
        "on": _machine(),
    }


def _machine() -> str:
    """Processor, vector units and versions, as far as this system tells them."""
    units = ["avx512f", "avx2", "avx", "asimd"]
    try:
        flags = set(Path("/proc/cpuinfo").read_text().split())
    except OSError:
        flags = set()
    widest = next((unit for unit in units if unit in flags), "vector units unknown")
    versions = (f"{name} {version(name)}" for name in ("jaxlib", "torch"))
    return ", ".join([environment()["processor"], widest, *versions])


def _ratio(rates: dict[str, float]) -> float:
    return rates["ours"] / max(rate for kind, rate in rates.items() if kind != "ours")


def _rate(kind: str, size: str, cores: list[int]) -> float:
    """Tokens per second of one process, or of one on each core at once, all begun together."""
    command = [sys.executable, "-m", "benchmarks._peer", kind, size]
    started = [
        subprocess.Popen(
            [*command, *core], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for core in ([[str(core)] for core in cores] or [[]])
    ]
    for process in started:
        _line(process)  # ready
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.close()
    rates = [float(_line(process)) for process in started]
    for process in started:
        process.wait()
    return sum(rates)


def _line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    line = process.stdout.readline()
    if not line:
        command = " ".join(map(str, process.args))  # type: ignore[arg-type]
        raise UserError(f"a training must end with its rate; {command} did not, run it to see why")
    return line.strip()
