"""Orders through a study's folder: how long 64 processes take to claim and answer 10,000.

Nothing is trained, so this is what the files themselves cost: an order written, claimed by a
rename, read, answered durably, heard and removed. Orders that are lost or heard twice are counted.
"""

import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from bestiary.launch import Finished, Job, PilotsExecutor
from bestiary.launch._exchange import DriverCard, Exchange, read
from bestiary.launch._pilot import _Hand
from bestiary.specs import (
    SIZES,
    DataSpec,
    OptimizerSpec,
    RunResult,
    RunSpec,
    run_id,
)
from bestiary.store import owned_name
from bestiary.studies import STUDIES

ORDERS, PROCESSES = 10_000, 64
PATIENCE_SECONDS = 600.0
RUN = RunSpec(
    model=SIZES["8k"],
    data=DataSpec(name="none", digest="0" * 64),
    optimizer=OptimizerSpec(name="adamw", settings={"learning_rate": 0.01}),
    batch_size=1,
    steps=1,
)


def run(orders: int = ORDERS, processes: int = PROCESSES) -> list[dict[str, Any]]:
    """One row: seconds, orders a second, and how many were lost or doubled."""
    with tempfile.TemporaryDirectory(prefix="bestiary-claims-") as name:
        folder = Path(name)
        executor = PilotsExecutor(folder, STUDIES["smoke"].build(RUN.data), folder)
        executor.start()
        began = time.perf_counter()
        for number in range(1, orders + 1):
            executor.submit(Job(number=number, runs=(RUN,), folder=str(folder / f"{number}")))
        written = time.perf_counter() - began
        claiming = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.claims", str(folder), str(processes)]
        )
        until = time.monotonic() + PATIENCE_SECONDS
        while not (folder / "ready").exists() and time.monotonic() < until:
            time.sleep(0.05)
        (folder / "go").touch()
        began = time.perf_counter()
        heard: Counter[int] = Counter()
        while len(heard) < orders and time.monotonic() < until:
            heard.update(e.job for e in executor.events(0.5) if isinstance(e, Finished))
        seconds = time.perf_counter() - began
        (folder / "end").touch()
        claiming.wait()
        heard.update(event.job for event in executor.events(0.5) if isinstance(event, Finished))
        shares = [int(path.read_text()) for path in folder.glob("share-*")]
        executor.close()
    return [
        {
            "benchmark": "claims",
            "orders": orders,
            "processes": processes,
            "seconds_to_write": written,
            "seconds_to_answer": seconds,
            "orders_per_second": orders / seconds,
            "lost": orders - len(heard),
            "doubled": max(sum(shares), heard.total()) - len(heard),
            "fewest_claimed": min(shares),
            "most_claimed": max(shares),
        }
    ]


def _claim_all(folder: Path, processes: int) -> None:
    """Fork processes that claim and answer until they are told to end."""
    children = []
    for number in range(processes):
        child = os.fork()
        if child == 0:
            _claim(folder, number)
            os._exit(0)
        children.append(child)
    (folder / "ready").touch()
    for child in children:
        os.waitpid(child, 0)


def _claim(folder: Path, number: int) -> None:
    exchange = Exchange(folder)
    card = read(exchange.terms, DriverCard)
    hand = _Hand(exchange, card, owned_name(), lambda line: None)
    hand.open()
    share, result = 0, RunResult(run_id=run_id(RUN), state="done", loss={"selection": 1.0})
    while not (folder / "go").exists():
        time.sleep(0.05)
    while not (folder / "end").exists():
        job = hand.claim()
        if job is None:
            time.sleep(0.1)
            continue
        share += 1
        hand.hear(Finished(job=job.number, results=(result,)))
    (folder / f"share-{number}").write_text(str(share))
    hand.close()


if __name__ == "__main__":
    _claim_all(Path(sys.argv[1]), int(sys.argv[2]))
