"""A soak: real runs, pilots and drivers killed at random, and the same table in the end.

    python -m tests.soak [--kills 100] [--seed 0] [--study FILE.py:FUNCTION] [--out FOLDER]

A study of real trainings runs once unbroken and once with SIGKILL sent at random moments to its
driver, its pilots and their workers. It is no part of `make test`: it takes an hour or more. Exit
code 1, with what differs, where a run is lost, has two results or another loss, or where a process,
an order or a claim is left behind.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.launch.pilots import left_over

from bestiary.specs import agreement
from bestiary.store import StudyStore
from bestiary.tune import needed

ROOT = Path(__file__).parent.parent
STUDY = f"{ROOT / 'tests' / 'soak_study.py'}:soak"
PILOTS = 2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--study", default=STUDY)
    parser.add_argument("--out", default="")
    flags = parser.parse_args()
    folder = Path(flags.out or tempfile.mkdtemp(prefix="bestiary-soak-"))
    print(f"in {folder}; seed {flags.seed}", flush=True)
    whole = driver(flags.study, folder / "unbroken", "local")
    assert whole.wait() == 0, "the unbroken study failed"
    broken(flags.study, folder / "broken", flags.kills, random.Random(flags.seed))
    faults = compared(folder / "unbroken", folder / "broken")
    print("\n".join(faults) or "the same table, nothing lost, doubled or left over", flush=True)
    return 1 if faults else 0


def driver(study: str, folder: Path, on: str) -> subprocess.Popen[bytes]:
    return started("run", study, "--out", str(folder), "--on", on, "--fresh")


def started(*words: str) -> subprocess.Popen[bytes]:
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", "bestiary.cli", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def broken(study: str, folder: Path, kills: int, source: random.Random) -> None:
    """Run a study to its end, killing whoever comes to hand."""
    driving, count = driver(study, folder, "pilots"), 0
    pilots: list[subprocess.Popen[bytes]] = []
    while driving.poll() != 0:
        pilots = [one for one in pilots if one.poll() is None]
        if driving.poll() is not None:
            driving = driver(study, folder, "pilots")
        if (folder / "study.sqlite").exists():
            pilots += [pilot(folder) for _ in range(PILOTS - len(pilots))]
        time.sleep(source.uniform(0.5, 6.0))
        if count < kills and pilots:
            victims = [driving.pid, *(one.pid for one in pilots), *workers_of(pilots)]
            with_it = source.choice(victims)
            if driving.poll() is None or with_it != driving.pid:
                try:
                    os.kill(with_it, signal.SIGKILL)
                    count += 1
                except ProcessLookupError:
                    continue
    for one in pilots:  # one that came when the driver had ended waits for the next
        one.terminate()
        one.wait()
    print(f"{count} kills", flush=True)


def pilot(folder: Path) -> subprocess.Popen[bytes]:
    return started("worker", str(folder), "--workers", "1")


def workers_of(pilots: list[subprocess.Popen[bytes]]) -> list[int]:
    """The processes that train, below the pilots."""
    found = []
    for one in pilots:
        for task in Path(f"/proc/{one.pid}/task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:
                continue
    return found


def compared(unbroken: Path, other: Path) -> list[str]:
    """What is not as it should be, in lines."""
    with StudyStore.open(unbroken) as whole, StudyStore.open(other) as store:
        expected, results = whole.results(), store.results()
        won = [a.run_id for a in store.attempts() if a.outcome in ("done", "diverged")]
        faults = [f"lost: {key[:12]}" for key in expected.keys() - results.keys()]
        faults += [f"not asked for: {key[:12]}" for key in results.keys() - expected.keys()]
        faults += [
            f"differs: {key[:12]}, {agreement(expected[key], results[key]).fields}"
            for key in expected.keys() & results.keys()
            if not agreement(expected[key], results[key]).in_every_bit
        ]
        faults += [f"twice: {key[:12]}" for key in set(won) if won.count(key) > 1]
        if needed(store.study, results):
            faults.append("the study is not answered")
    faults += [f"left over: {path}" for path in left_over(other)]
    marker = str(other).encode()
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if marker in path.read_bytes() and path.parent.name != str(os.getpid()):
                faults.append(f"left running: process {path.parent.name}")
        except OSError:
            continue
    print(f"{len(results)} runs, {len(won)} results won", flush=True)
    return faults


if __name__ == "__main__":
    sys.exit(main())
