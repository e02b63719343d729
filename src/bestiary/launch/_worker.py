"""A worker process: reads jobs, trains them one after another, writes events. Not to be imported.

    python -P -m bestiary.launch._worker TRAINER CORPUS DRIVER_PID CORES EVENTS

Jobs come as JSON lines on standard input, events leave as JSON lines on the descriptor EVENTS.
Standard output is a log like standard error, for whoever prints there, at start-up or later. It
never outlives its driver: the kernel kills it when the driver dies, and where there is no such
service the end of standard input does.
"""

import contextlib
import ctypes
import importlib
import logging
import math
import os
import queue
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from bestiary.errors import BestiaryError, DiskError, StopRequested, UserError
from bestiary.launch._messages import (
    Failed,
    Finished,
    Halted,
    Job,
    Lost,
    Notice,
    Progress,
    Stop,
    Stopped,
)
from bestiary.launch._training import Trainer
from bestiary.specs import Spec, checked
from bestiary.store import log_file

PROGRESS_SECONDS = 0.2
PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
# Errors of the program and its input, not of the machine: they would come again.
DETERMINISTIC = (UserError, TypeError, ValueError, LookupError, NotImplementedError, ImportError)


def main(trainer: str, corpus: str, driver: int, cores: tuple[int, ...], events: int) -> None:
    """Serve jobs until the driver says stop or is gone."""
    _die_with(driver)
    if cores and hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    # Ctrl-C reaches every process of a terminal, what a scheduler sends every process of a job;
    # what it means is the driver's to decide.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR2):
        signal.signal(number, signal.SIG_IGN)
    os.set_inheritable(events, False)
    channel = _Channel(events)
    jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
    stopping = threading.Event()
    threading.Thread(target=_listen, args=(jobs, stopping), daemon=True).start()
    train = _named(trainer)
    while (job := jobs.get()) is not None:
        channel.send(_answer(job, train, corpus, channel, stopping.is_set))


def _answer(
    job: Job,
    train: Trainer,
    corpus: str,
    channel: "_Channel",
    should_stop: Callable[[], bool],
) -> Spec:
    """Train one job and say what became of it."""
    number, log = job.number, log_file(Path(job.folder))
    with contextlib.ExitStack() as logged:
        try:
            logged.enter_context(_logged(str(log)))
        except OSError as error:  # no run's fault: the next one's log is as impossible
            reason = f"cannot write {log}: {error.strerror}; make room, or remove what lies there"
            return Halted(job=number, reason=reason)
        logged.enter_context(_noticed(channel, number))
        try:
            results = train(
                job, corpus, progress=channel.progress_of(number), should_stop=should_stop
            )
            return Finished(job=number, results=tuple(checked(result) for result in results))
        except StopRequested:
            return Stopped(job=number)
        except DiskError as error:
            return Halted(job=number, reason=_told(error))
        except DETERMINISTIC as error:
            return Failed(job=number, reason=_told(error))
        except Exception as error:
            return Lost(job=number, reason=_told(error))


class _Channel:
    """Where events leave; progress is thinned, so that it costs the training nothing."""

    def __init__(self, descriptor: int) -> None:
        self._file = os.fdopen(descriptor, "wb", buffering=0)
        self._encoder = msgspec.json.Encoder()

    def send(self, event: Spec) -> None:
        line = memoryview(self._encoder.encode(event) + b"\n")
        while line:
            line = line[self._file.write(line) :]

    def progress_of(self, job: int) -> Callable[[int, float], None]:
        last = -math.inf

        def progress(step: int, loss: float) -> None:
            nonlocal last
            if time.monotonic() - last >= PROGRESS_SECONDS:
                last = time.monotonic()
                shown = float(loss) if math.isfinite(loss) else None
                self.send(Progress(job=job, step=int(step), loss=shown))

        return progress


@contextlib.contextmanager
def _logged(path: str) -> Iterator[None]:
    """Send everything printed, by Python or by native code, to the log of the attempt."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    kept = os.dup(2)
    # Where a pipe lies in its place, nobody may ever read it: an error, and no waiting.
    log = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NONBLOCK, 0o644)
    try:
        os.dup2(log, 1)
        os.dup2(log, 2)
        yield
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os.dup2(kept, 1)
        os.dup2(kept, 2)
        os.close(log)
        os.close(kept)


class _Notices(logging.Handler):
    """What this package warns of is for the driver to say."""

    def __init__(self, channel: "_Channel", job: int) -> None:
        super().__init__(logging.WARNING)
        self._channel, self._job = channel, job

    def emit(self, record: logging.LogRecord) -> None:
        line = " ".join(record.getMessage().split())
        print(line, file=sys.stderr)
        self._channel.send(Notice(job=self._job, line=line))


@contextlib.contextmanager
def _noticed(channel: "_Channel", job: int) -> Iterator[None]:
    """Send the warnings of this package to the driver."""
    log, handler = logging.getLogger("bestiary"), _Notices(channel, job)
    log.addHandler(handler)
    try:
        yield
    finally:
        log.removeHandler(handler)


def _told(error: Exception) -> str:
    """One line on an error; the whole of it goes to the log."""
    traceback.print_exc()
    lines = str(error).strip().splitlines()
    text = lines[0] if lines else ""
    return text if isinstance(error, BestiaryError) else f"{type(error).__name__}: {text}"


def _listen(jobs: queue.SimpleQueue[Job | None], stopping: threading.Event) -> None:
    decoder = msgspec.json.Decoder(Job | Stop)
    for line in sys.stdin.buffer:
        message = decoder.decode(line)
        if isinstance(message, Stop):
            stopping.set()
            jobs.put(None)
        else:
            jobs.put(message)
    os._exit(1)  # the driver is gone, and with it whoever could commit a result


def _die_with(driver: int) -> None:
    """Have the kernel kill this process when the driver dies."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != driver:  # it died before the line above
        os._exit(1)


def _named(trainer: str) -> Trainer:
    module, _, function = trainer.partition(":")
    found: Trainer = getattr(importlib.import_module(module), function)
    return found


if __name__ == "__main__":
    code = 1
    try:
        main(
            sys.argv[1],
            sys.argv[2],
            int(sys.argv[3]),
            tuple(int(core) for core in sys.argv[4].split(",") if core),
            int(sys.argv[5]),
        )
        code = 0
    except BaseException:
        traceback.print_exc()
    # Not sys.exit: the listening thread sits in a read, which Python's own way out stumbles over.
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
