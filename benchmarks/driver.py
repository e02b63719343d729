"""The driver: how long a worker waits for it between two runs, and what 10,000 waiting runs weigh.

A run is made up and takes no time, so that all which lies between two runs of a worker is seen: its
answer, the commit, planning, the next attempt, the next job. Times are wall clock between the end
of a run and the begin of the next one in the same process, and as a share of a run of 10 s.
"""

import contextlib
import itertools
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks import planning
from bestiary.launch import Job, LocalExecutor, PilotsExecutor, drive
from bestiary.launch._driver import Driver
from bestiary.launch._snapshot import Silent
from bestiary.specs import RunResult, Study, run_id
from bestiary.store import StudyStore
from bestiary.tune import Caps

ROOT = Path(__file__).parents[1]
CELLS = 4
WORKERS = 2
PENDING = 10_000
RUN_SECONDS = 10.0
TIMES = "times-"


def made_up(
    job: Job,
    corpus: str,
    *,
    progress: Callable[[int, float], None],
    should_stop: Callable[[], bool],
) -> list[RunResult]:
    """A result from the configuration alone, and a note of when this process began and ended it."""
    del corpus, progress, should_stop
    began = time.monotonic()
    folder = Path(job.folder)
    folder.mkdir(parents=True)
    results = [_result(run_id(run), run.optimizer.settings, run.tokens) for run in job.runs]
    with (folder.parents[2] / f"{TIMES}{os.getpid()}").open("a") as file:
        file.write(f"{began} {time.monotonic()}\n")
    return results


def _result(identity: str, settings: dict[str, Any], tokens: int) -> RunResult:
    loss = 2 + abs(float(settings["learning_rate"]) / 0.012 - 1)
    loss += abs(float(settings["beta1"]) - 0.92)
    both = {"selection": loss, "report": loss}
    return RunResult(run_id=identity, state="done", tokens=tokens, seconds=1.0, loss=both)


def run() -> list[dict[str, Any]]:
    """Rows: waiting between two runs, here and in a pilot, and memory of a long queue."""
    return [_idle("processes of the driver", _local), _idle("a pilot", _pilot), _pending()]


def _idle(case: str, trained: Callable[[Path, Study], None]) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="bestiary-driver-") as name:
        folder = Path(name) / "study"
        study = planning.study(CELLS)
        trained(folder, study)
        waits = [wait for path in folder.glob(f"{TIMES}*") for wait in _waits(path)]
    waits.sort()
    return {
        "benchmark": "driver",
        "case": f"idle between two runs, {case}",
        "runs": len(waits),
        "ms, median": 1e3 * statistics.median(waits),
        "ms, 99 in 100 below": 1e3 * waits[int(0.99 * len(waits))],
        "% of a 10 s run, mean": 100 * statistics.mean(waits) / RUN_SECONDS,
    }


def _waits(path: Path) -> list[float]:
    rows = [tuple(map(float, line.split())) for line in path.read_text().splitlines()]
    return [after[0] - before[1] for before, after in itertools.pairwise(rows)]


def _local(folder: Path, study: Study) -> None:
    with (
        _found_by_workers(),
        LocalExecutor("none", workers=WORKERS, trainer=f"{__name__}:made_up") as executor,
        StudyStore.create(folder, study) as store,
    ):
        drive(store, executor)


def _pilot(folder: Path, study: Study) -> None:
    corpora = folder.parent / "corpora"
    (corpora / study.data.digest).mkdir(parents=True)
    with StudyStore.create(folder, study) as store, _found_by_workers():
        command = [sys.executable, "-m", "bestiary.cli", "worker", str(folder)]
        pilot = subprocess.Popen(
            [*command, "--workers", str(WORKERS)], stdout=subprocess.DEVNULL, cwd=ROOT
        )
        with PilotsExecutor(folder, study, corpora, trainer=f"{__name__}:made_up") as executor:
            drive(store, executor)
        pilot.wait()


@contextlib.contextmanager
def _found_by_workers() -> Iterator[None]:
    """Let processes that are started here import this file."""
    before = os.environ.get("PYTHONPATH", "")
    os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), str(ROOT / "src"), before])
    try:
        yield
    finally:
        os.environ["PYTHONPATH"] = before


def _pending() -> dict[str, Any]:
    """In a process of its own, whose memory is that of a driver alone."""
    with _found_by_workers():
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.driver"], capture_output=True, text=True, check=True
        )
    found: dict[str, Any] = json.loads(done.stdout)
    return {"benchmark": "driver", "case": "memory of a driver with runs that wait", **found}


def waiting() -> dict[str, Any]:
    """Make a driver of a study whose first runs are so many, and weigh this process."""
    with tempfile.TemporaryDirectory(prefix="bestiary-driver-") as name:
        study = planning.study(PENDING // 8)
        with StudyStore.create(Path(name) / "study", study) as store, store.driving() as held:
            executor = LocalExecutor("none", workers=WORKERS)
            driver = Driver(store, held, executor, Silent(), attempts=3, caps=Caps())
            runs = sum(1 for _ in driver._planner.waiting())
    return {"runs": runs, "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


if __name__ == "__main__":
    print(json.dumps(waiting()))
