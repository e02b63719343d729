"""What workers run in these tests in place of training: fast, without JAX, and able to misbehave.

A worker finds them by name, `tests.launch.trainers:...`.
"""

import ctypes
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from tests.tune.study import outcome

from bestiary.errors import DiskError, StopRequested, UserError
from bestiary.launch import Job
from bestiary.specs import RunResult

Progress = Callable[[int, float], None]
Asked = Callable[[], bool]


def quick(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Take five steps of nothing."""
    folder = Path(job.folder)
    folder.mkdir(parents=True, exist_ok=len(job.runs) > 1)  # the driver's note on who is together
    (folder / "checkpoints").mkdir()
    for step in range(5):
        if should_stop():
            raise StopRequested
        progress(step, 2.0 - step / 10)
        time.sleep(0.002)
    return [outcome(run) for run in job.runs]


def slow(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Long enough to be killed in the middle."""
    time.sleep(0.05)
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def steady(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Say nothing for a while, as a compilation does, then take steps."""
    time.sleep(0.2)
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def silent(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """On the first attempt at one configuration close every pipe and live on."""
    if _bad(job) and not job.earlier:
        os.closerange(3, 256)
        while True:
            time.sleep(1)
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def endless(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Train until asked to stop; the next attempt finds the checkpoint and ends at once."""
    if any((Path(folder) / "checkpoint").exists() for folder in job.earlier):
        return quick(job, corpus, progress=progress, should_stop=lambda: False)
    Path(job.folder).mkdir(parents=True, exist_ok=len(job.runs) > 1)
    step = 0
    while not should_stop():
        progress(step := step + 1, 1.0)
        time.sleep(0.01)
    (Path(job.folder) / "checkpoint").touch()
    raise StopRequested


def deaf(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Never stop, whoever asks."""
    while True:
        progress(int(time.monotonic() * 100), 1.0)
        time.sleep(0.05)


def _bad(job: Job) -> bool:
    return any(
        run.optimizer.name == "muon"
        and run.optimizer.settings["learning_rate"] == 0.016
        and run.seed == 0
        for run in job.runs
    )


def deadly(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Kill the worker on one configuration, every time, from native code's point of view."""
    if _bad(job):
        print("about to die", flush=True)
        ctypes.CDLL(None).puts(b"said by native code")
        ctypes.CDLL(None).fflush(None)
        os.kill(os.getpid(), signal.SIGSEGV)
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def moving(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Tune on one kind of machine, and report on another with more cores."""
    results = quick(job, corpus, progress=progress, should_stop=should_stop)
    tuned = job.runs[0].seed == 0
    kind = {"processor": "A" if tuned else "B", "cores": "2" if tuned else "64"}
    return [msgspec.structs.replace(one, environment=kind) for one in results]


def warning(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Warn of something at one configuration, as the trainer does."""
    if _bad(job):
        logging.getLogger("bestiary.train").warning("step %d is damaged;\nstarting over", 8)
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def talkative(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """On the first attempt at one configuration leave a log of 3 GB, which is a hole, and die."""
    if _bad(job) and not job.earlier:
        os.truncate(job.folder + ".log", 3 * 10**9)
        print("\nthe last line", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def parental(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """On the first attempt at one configuration die, and leave a child that holds every pipe."""
    if _bad(job) and not job.earlier:
        if os.fork() == 0:
            time.sleep(6)
            os._exit(0)
        os.kill(os.getpid(), signal.SIGKILL)
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def dying(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Die of memory, always."""
    os.kill(os.getpid(), signal.SIGKILL)
    return []


def refusing(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Refuse one configuration as the user's mistake."""
    if _bad(job):
        raise UserError("block_size must divide hidden, got 7; use 8")
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def memoryless(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Run out of memory on the first attempt at one configuration."""
    if _bad(job) and not job.earlier:
        raise RuntimeError("RESOURCE_EXHAUSTED: out of memory")
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def full(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Find the disk full at one configuration, until somebody makes space."""
    if _bad(job) and not job.earlier:
        raise DiskError("cannot write: No space left on device; free some")
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def standing(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """On the first attempt at one configuration show life but no progress."""
    while _bad(job) and not job.earlier:
        progress(1, 1.0)
        time.sleep(0.02)
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def broken(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Fail on everything."""
    raise UserError(f"{corpus} holds no corpus; prepare it first")


def swapped(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Answer for another run, and with a number that is not finite."""
    if _bad(job):
        return [RunResult(run_id="f" * 64, state="done", loss={"selection": 1.0})]
    if job.runs[0].optimizer.name == "soap" and job.runs[0].seed == 1:
        return [RunResult(run_id="f" * 64, state="done", loss={"selection": float("nan")})]
    return quick(job, corpus, progress=progress, should_stop=should_stop)


def preempted(job: Job, corpus: str, *, progress: Progress, should_stop: Asked) -> list[RunResult]:
    """Train the first run of all until asked to stop; its next attempt finds the checkpoint."""
    flag = Path(job.folder).parent.parent / "begun"
    if not job.earlier and not flag.exists():
        flag.touch()
        return endless(job, corpus, progress=progress, should_stop=should_stop)
    return quick(job, corpus, progress=progress, should_stop=should_stop)
