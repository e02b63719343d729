"""A soak: real runs, pilots and drivers killed at random, and the same table in the end.

    python -m tests.soak [--kills 100] [--seed 0] [--study FILE.py:FUNCTION] [--out FOLDER]
                         [--on pilots|slurm|slurm-local|ray] [--population N]

A study of real trainings runs once unbroken and once with SIGKILL sent at random moments to its
driver, its pilots and their workers. It is no part of `make test`: it takes an hour or more. Exit
code 1, with what differs, where a run is lost, has two results or another loss, or where a process,
an order or a claim is left behind. Of populations the losses are compared to a tolerance: who is
killed decides who trains with whom, and that the last bits.
"""

import argparse
import contextlib
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from tests.launch.pilots import left_over

from bestiary.errors import BestiaryError
from bestiary.launch._exchange import Damaged, Exchange, PilotCard, names, read
from bestiary.specs import RunResult, agreement
from bestiary.store import StudyStore
from bestiary.tune import needed

ROOT = Path(__file__).parent.parent
STUDY = f"{ROOT / 'tests' / 'soak_study.py'}:soak"
PILOTS = 2
# How a study is started on each.
ON = {
    "pilots": ("--on", "pilots"),
    "slurm": ("--on", "slurm", "--workers", str(PILOTS)),
    "slurm-local": ("--on", "slurm", "--workers", str(PILOTS), "--slurm.cluster", "local"),
    "ray": ("--on", "ray", "--workers", str(PILOTS)),
}
# Of a run of some steps, with others in one program or alone.
TOLERANCE = 1e-2


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak")
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--study", default=STUDY)
    parser.add_argument("--out", default="")
    parser.add_argument("--on", choices=ON, default="pilots")
    parser.add_argument("--population", type=int, default=0)
    flags = parser.parse_args()
    folder = Path(flags.out or tempfile.mkdtemp(prefix="bestiary-soak-"))
    print(f"in {folder}; seed {flags.seed}", flush=True)
    whole = driver(flags.study, folder / "unbroken", "--on", "local")
    assert whole.wait() == 0, "the unbroken study failed"
    words = (*ON[flags.on], "--population", str(flags.population))
    by_hand = flags.on == "pilots"
    broken(
        lambda: driver(flags.study, folder / "broken", *words),
        folder / "broken",
        flags.kills,
        random.Random(flags.seed),
        by_hand=by_hand,
    )
    tolerance = TOLERANCE if flags.population > 1 else 0.0
    faults = compared(folder / "unbroken", folder / "broken", tolerance)
    print("\n".join(faults) or "the same table, nothing lost, doubled or left over", flush=True)
    return 1 if faults else 0


def driver(study: str, folder: Path, *words: str) -> subprocess.Popen[bytes]:
    # A run whose worker was killed three times is blamed: here that was chance.
    return started("run", study, "--out", str(folder), "--fresh", "--retry-failed", *words)


def started(*words: str) -> subprocess.Popen[bytes]:
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return subprocess.Popen(
        [sys.executable, "-m", "bestiary.cli", *words],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths))},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def broken(
    drive: Callable[[], subprocess.Popen[bytes]],
    folder: Path,
    kills: int,
    source: random.Random,
    *,
    by_hand: bool,
) -> None:
    """Run a study to its end, killing whoever comes to hand; pilots are started here or not."""
    driving, count = drive(), 0
    pilots: list[subprocess.Popen[bytes]] = []
    while driving.poll() != 0:
        if driving.poll() is not None:
            driving = drive()
        if by_hand and (folder / "study.sqlite").exists():
            pilots = [one for one in pilots if one.poll() is None]
            pilots += [pilot(folder) for _ in range(PILOTS - len(pilots))]
        time.sleep(source.uniform(0.5, 6.0))
        crew = living(folder)
        victims = [*crew, *(worker for one in crew for worker in children(one))]
        victims += [driving.pid] * (driving.poll() is None)
        if count < kills and crew:
            try:
                os.kill(source.choice(victims), signal.SIGKILL)
                count += 1
            except ProcessLookupError:
                continue
    for one in pilots:  # one that came when the driver had ended waits for the next
        one.terminate()
        one.wait()
    print(f"{count} kills", flush=True)


def pilot(folder: Path) -> subprocess.Popen[bytes]:
    return started("worker", str(folder), "--workers", "1")


def living(folder: Path) -> list[int]:
    """The processes of the pilots, whoever started them."""
    exchange, found = Exchange(folder.resolve()), []
    for name in names(exchange.crew):
        with contextlib.suppress(OSError, Damaged, BestiaryError):
            process = read(exchange.card_file(name), PilotCard).pid
            command = Path(f"/proc/{process}/cmdline").read_bytes()
            found += [process] * (b"worker" in command)
    return found


def children(process: int) -> list[int]:
    """The processes below a pilot, which train."""
    found = []
    for task in Path(f"/proc/{process}/task").glob("*/children"):
        try:
            found += [int(child) for child in task.read_text().split()]
        except OSError:
            continue
    return found


def agree(one: RunResult, other: RunResult, tolerance: float) -> bool:
    """Whether two results of a run are the same: in every bit, or their losses to a tolerance."""
    if not tolerance:
        return agreement(one, other).in_every_bit
    near = all(abs(one.loss[key] - other.loss.get(key, 1e9)) <= tolerance for key in one.loss)
    return one.state == other.state and near


def compared(unbroken: Path, other: Path, tolerance: float) -> list[str]:
    """What is not as it should be, in lines."""
    with StudyStore.open(unbroken) as whole, StudyStore.open(other) as store:
        expected, results = whole.results(), store.results()
        won = [a.run_id for a in store.attempts() if a.outcome in ("done", "diverged")]
        faults = [f"lost: {key[:12]}" for key in expected.keys() - results.keys()]
        faults += [f"not asked for: {key[:12]}" for key in results.keys() - expected.keys()]
        faults += [
            f"differs: {key[:12]}, {agreement(expected[key], results[key]).fields}"
            for key in expected.keys() & results.keys()
            if not agree(expected[key], results[key], tolerance)
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
