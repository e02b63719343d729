"""Training beside PyTorch, eager and compiled, in interleaved rounds on one machine.

Two settings: one process that may use every core, and one process per core, which is what a study
does. Both sides train the same thing (`_peer.py`). Needs the extra `peers`; torch.compile also
needs a C++ compiler. By its parts, not yet as a whole, about 7 minutes a round of two quiet cores
and, where torch has compiled nothing yet, 10 more: `--rounds 2` should take under 25.
"""

import importlib.util
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console

from bestiary.errors import UserError
from bestiary.train import environment

SIZES = ("33k", "262k", "1m", "4m", "17m")
ROUNDS = 3
KINDS = ("ours", "torch", "torch.compile")
EACH = ", one a core"


def run(sizes: Sequence[str] = SIZES, rounds: int = ROUNDS) -> list[dict[str, Any]]:
    """One row per size: median tokens per second of each, and ours over the better torch.

    One process a core is compared with the best that torch does in either setting.

    Args:
        sizes: Named shapes.
        rounds: How often each is measured; all take turns.

    Raises:
        UserError: torch, or the C++ compiler that torch.compile wants, is missing, or a size is
            none of these.
    """
    if unknown := [size for size in sizes if size not in SIZES]:
        raise UserError(f"peers has no size {unknown[0]!r}; use {', '.join(SIZES)}")
    if rounds < 1:
        raise UserError(f"peers needs at least 1 round, got {rounds}")
    if importlib.util.find_spec("torch") is None:
        raise UserError("peers needs torch, which is not installed; install the extra 'peers'")
    if not any(shutil.which(name) for name in (os.environ.get("CXX", "g++"), "clang++", "c++")):
        raise UserError("peers needs a C++ compiler for torch.compile, found none; install g++")
    return [_row(size, rounds) for size in sizes]


def _row(size: str, rounds: int) -> dict[str, Any]:
    rates: dict[str, list[float]] = {}
    for number in range(rounds):
        for kind in KINDS:
            rates.setdefault(kind, []).append(_rate(kind, size, cores=[]))
            cores = sorted(os.sched_getaffinity(0))
            rates.setdefault(kind + EACH, []).append(_rate(kind, size, cores))
        last = {kind: round(found[-1]) for kind, found in rates.items()}
        Console(stderr=True).print(f"{size} round {number + 1} of {rounds}: {last}")
    return {**row(size, rates), "on": _machine()}


def row(size: str, rates: dict[str, list[float]]) -> dict[str, Any]:
    """What is stated of a size, of the rates of all kinds in every round."""
    median = {kind: statistics.median(found) for kind, found in rates.items()}
    torchs = [kind for kind in KINDS if kind != "ours"]
    best = max(median[kind] for kind in torchs)
    best_each = max(best, *(median[kind + EACH] for kind in torchs))
    return {
        "benchmark": "peers",
        "size": size,
        **{kind: _span(rates[kind]) for setting in ("", EACH) for kind in _in(setting)},
        "ratio": median["ours"] / best,
        "ratio" + EACH: median["ours" + EACH] / best_each,
    }


def _in(setting: str) -> list[str]:
    return [kind + setting for kind in KINDS]


def _span(rates: list[float]) -> str:
    """The median, and the least and the most of it."""
    return f"{statistics.median(rates):,.0f} ({min(rates):,.0f} to {max(rates):,.0f})"


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


def _rate(kind: str, size: str, cores: list[int]) -> float:
    """Tokens per second of one process, or of one on each core at once, all begun together."""
    command = [sys.executable, "-m", "benchmarks._peer", kind, size]
    started = [
        subprocess.Popen(
            [*command, *core],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"},  # as workers have it
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
