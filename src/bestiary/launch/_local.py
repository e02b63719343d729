"""Workers on this machine: one process per core or accelerator, each living for many jobs."""

import collections
import contextlib
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import IO, final

import msgspec

from bestiary.errors import DiskError, UserError
from bestiary.launch._executor import AbstractExecutor
from bestiary.launch._machine import Place, environment, places
from bestiary.launch._messages import Event, Job, Lost, Notice, Progress, Stop
from bestiary.launch._populations import PREFERRED, check_together
from bestiary.launch._training import TRAINER
from bestiary.specs import RunSpec
from bestiary.store import log_file

LOG_LINES = 5
LOG_BYTES = 4000
# How long a process that has closed its pipe may take to be gone.
END_SECONDS = 5.0
# The most that the driver's own silence between two looks counts as a worker's standing still.
LISTENING_SECONDS = 5.0
_DECODER: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)


@final
class LocalExecutor(AbstractExecutor):
    """Trains jobs in spawned processes that start once, keep JAX warm, and die with the driver."""

    def __init__(
        self,
        corpus: str | Path,
        *,
        workers: int | None = None,
        devices: int = 1,
        population: int = 0,
        trainer: str = TRAINER,
        stall_seconds: float = 3600.0,
    ) -> None:
        """Prepare workers; their processes start with the first jobs.

        Args:
            corpus: Folder of the prepared corpora.
            workers: How many; by default one per core, or as many as the accelerators are enough
                for.
            devices: Of each run, over which it is laid.
            population: The most runs that are trained as one program; 0 for what is fastest here.
            trainer: What trains a job, as `module:function`.
            stall_seconds: A job whose step stands still for so long is lost and its worker killed.
                Compiling and evaluating are steps that stand still: be generous.

        Raises:
            UserError: fewer than one worker, or no such devices.
        """
        if workers is not None and workers < 1:
            raise UserError(f"workers must be at least 1, got {workers}")
        check_together(devices, population)
        self._corpus = str(corpus)
        self._trainer = trainer
        self._stall_seconds = stall_seconds
        self._places, self._devices = places(workers, devices), devices
        kind = "accelerator" if self._places[0].accelerators else "cpu"
        self._population = population or (PREFERRED[kind] if devices == 1 else 1)
        self._listened = time.monotonic()
        self._workers: dict[int, _Worker] = {}
        self._inbox: queue.SimpleQueue[tuple[_Worker, Event | None]] = queue.SimpleQueue()

    @property
    def slots(self) -> int:
        """One job per worker."""
        return len(self._places)

    @property
    def devices(self) -> int:
        """As many as were asked for."""
        return self._devices

    def members(self, run: RunSpec) -> int:
        """As many as were asked for, or are fastest on such a device."""
        del run
        return self._population

    def submit(self, job: Job) -> None:
        """Give a job to an idle worker, started if need be."""
        for slot, place in enumerate(self._places):
            worker = self._workers.get(slot)
            if worker is not None and worker.leaving and worker.job is None:
                worker.kill()
                worker.reap()
                worker = None
            if worker is None:
                worker = _Worker(place, self._trainer, self._corpus, self._inbox)
                self._workers[slot] = worker
            if worker.job is None:
                worker.take(msgspec.structs.replace(job, devices=self._devices))
                return
        raise RuntimeError(f"all {self.slots} workers are busy")

    def events(self, timeout: float) -> list[Event]:
        """What the workers said; the job of one that died or stands still is lost."""
        arrived = []
        try:
            arrived.append(self._inbox.get(timeout=timeout))
            while True:
                arrived.append(self._inbox.get_nowait())
        except queue.Empty:
            pass
        arrived += self._watched()
        return [event for pair in arrived if (event := self._heard(*pair)) is not None]

    def stop(self) -> None:
        """Ask every worker to stop at its next step."""
        for worker in self._workers.values():
            worker.tell(Stop())

    def close(self) -> None:
        """Kill what still runs and wait until it is gone."""
        for worker in self._workers.values():
            worker.kill()
        for worker in self._workers.values():
            worker.reap()
        self._workers.clear()

    def _heard(self, worker: "_Worker", event: Event | None) -> Event | None:
        """An event of a live worker's current job; whatever else arrives is of no account."""
        if event is None and worker.reaped:
            return None
        if event is None:
            self._workers = {k: one for k, one in self._workers.items() if one is not worker}
            return worker.epitaph()
        if worker.job is None or event.job != worker.job.number:
            return None
        if isinstance(event, Progress):
            worker.saw(event.step)
        elif not isinstance(event, Notice):
            worker.job = None
        return event

    def _watched(self) -> list[tuple["_Worker", Event | None]]:
        """Kill workers that stood still while this process listened; tell which ended unheard.

        The time in which it was stopped itself (Ctrl-Z over lunch) says nothing about them.
        """
        now = time.monotonic()
        listened = min(now - self._listened, LISTENING_SECONDS)
        self._listened = now
        for worker in self._workers.values():
            worker.watch(listened)
            if worker.job is not None and worker.still_seconds > self._stall_seconds:
                worker.verdict = f"no progress for {self._stall_seconds:g} s"
                worker.kill()
        return [(one, None) for one in self._workers.values() if one.dead_seconds > END_SECONDS]


class _Worker:
    """One process and the job it has."""

    def __init__(
        self,
        place: Place,
        trainer: str,
        corpus: str,
        inbox: "queue.SimpleQueue[tuple[_Worker, Event | None]]",
    ) -> None:
        # Started from the driver's own thread: the kernel's promise to kill it with its parent
        # means the thread that started it.
        self.job: Job | None = None
        self.leaving = False
        self.reaped = False
        self.verdict = ""
        self.still_seconds = 0.0  # since the job's step last moved, while the driver listened
        self.dead_seconds = 0.0  # since its process ended, while its pipe did not
        self._step = -1
        self._log = _temporary_file()
        cores = ",".join(str(core) for core in place.cores)
        # Events have a pipe of their own: a site's start-up file may print on standard output.
        heard, said = os.pipe()
        self._events = os.fdopen(heard, "rb")
        try:
            self._process = subprocess.Popen(
                [
                    *(sys.executable, "-P", "-m", "bestiary.launch._worker"),
                    *(trainer, corpus, str(os.getpid()), cores, str(said)),
                ],
                stdin=subprocess.PIPE,
                stdout=self._log,
                stderr=self._log,
                env=environment(place, os.environ),
                pass_fds=(said,),
                start_new_session=True,  # a terminal's Ctrl-C is the driver's to hear
            )
        finally:
            os.close(said)
        self._reader = threading.Thread(target=self._read, args=(inbox,), daemon=True)
        self._reader.start()

    def take(self, job: Job) -> None:
        self.job, self._step, self.still_seconds = job, -1, 0.0
        self.tell(job)

    def saw(self, step: int) -> None:
        if step != self._step:
            self._step, self.still_seconds = step, 0.0

    def watch(self, seconds: float) -> None:
        """Let so much time pass, in which the driver listened and nothing more came."""
        self.still_seconds += seconds
        # A child that it left behind may hold the pipe open.
        self.dead_seconds += seconds * (self._process.poll() is not None)

    def tell(self, message: Job | Stop) -> None:
        stdin = self._process.stdin
        assert stdin is not None
        self.leaving |= isinstance(message, Stop)
        with contextlib.suppress(BrokenPipeError):  # it has died: the end of its output says so
            stdin.write(msgspec.json.encode(message) + b"\n")
            stdin.flush()

    def kill(self) -> None:
        self._process.kill()

    def reap(self) -> None:
        """End the process, wait until it is gone, and free what it held."""
        self.kill()
        self._process.wait()
        self.reaped = True
        # A child that holds the pipe open is not waited for: the reader frees the log after it.
        self._reader.join(END_SECONDS)
        if not self._reader.is_alive():
            self._log.close()
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):  # a job it died without reading
            self._process.stdin.close()

    def epitaph(self) -> Lost | None:
        """What a dead worker leaves: its job lost, with the reason and the last lines it logged."""
        code = self._end()
        last = self._last_lines()
        self.reap()
        if self.job is None:
            return None
        died = f"killed by {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        died += ", as the system does when memory runs out" if code == -signal.SIGKILL else ""
        reason = self.verdict or f"the worker died ({died})"
        return Lost(job=self.job.number, reason=f"{reason}{': ' if last else ''}{last}")

    def _end(self) -> int:
        """The exit code of a process that has closed its pipe; one that lives on is killed."""
        try:
            return self._process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            self.verdict = self.verdict or "the worker went silent"
            self.kill()
            return self._process.wait()

    def _read(self, inbox: "queue.SimpleQueue[tuple[_Worker, Event | None]]") -> None:
        with self._events:
            for line in self._events:
                try:
                    inbox.put((self, _DECODER.decode(line)))
                except msgspec.DecodeError:
                    os.write(self._log.fileno(), line)  # torn by death, or not an event at all
        if self.reaped:
            self._log.close()
        inbox.put((self, None))

    def _last_lines(self) -> str:
        """The end of the attempt's log, or of what was said before the first job."""
        log = None if self.job is None else log_file(Path(self.job.folder))
        text = _tail(log.open("rb")) if log is not None and log.is_file() else b""
        text = text if text.strip() else _tail(self._log)
        lines = collections.deque(text.decode(errors="replace").split("\n"), LOG_LINES + 1)
        return " | ".join(line.strip() for line in lines if line.strip())


def _temporary_file() -> IO[bytes]:
    """A file without a name, for what a worker says outside of any job.

    Raises:
        DiskError: the temporary folder takes no more files.
    """
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        place = tempfile.tempdir or "a temporary folder"
        raise DiskError(
            f"cannot make a file in {place}: {error.strerror}; free some of its files or space, or "
            "name another in TMPDIR"
        ) from None


def _tail(log: IO[bytes]) -> bytes:
    """The end of a log, which may be larger than this machine's memory."""
    with log:
        log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_BYTES))
        return log.read(LOG_BYTES)
