"""One driver at work: submit what is needed, commit what comes back, plan again.

It holds no state that matters: planning is a function of the committed results, so a driver that is
killed at any moment and started again ends with the same table.
"""

import collections
import itertools
import shutil
import time

import msgspec

from bestiary import tune
from bestiary.errors import BestiaryError
from bestiary.launch._executor import AbstractExecutor
from bestiary.launch._messages import Event, Failed, Finished, Halted, Job, Lost, Notice, Progress
from bestiary.launch._outlook import Outlook
from bestiary.launch._snapshot import Observer, Running
from bestiary.launch._standing import Publisher
from bestiary.launch._stopping import StopSignals
from bestiary.specs import PHASE, Planned, RunResult, kinds_apart, run_id
from bestiary.store import CHECKPOINTS, Attempt, StudyStore

TICK_SECONDS = 0.5
# A run that so many machines were lost with, one after another, may be what brings them down.
MACHINES = 10


class _Underway(msgspec.Struct):
    """A job that was submitted and not answered yet."""

    planned: Planned
    attempt: Attempt
    step: int = 0
    loss: float | None = None
    began: float = msgspec.field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it was submitted."""
        return time.monotonic() - self.began

    def running(self) -> Running:
        return Running(
            run_id=self.attempt.run_id,
            optimizer=self.planned.optimizer,
            cell=self.planned.cell,
            purpose=self.planned.purpose,
            attempt=self.attempt.number,
            step=self.step,
            steps=self.planned.run.steps,
            loss=self.loss,
        )


class Driver:
    """The state of one driver; everything in it can be rebuilt from the store."""

    def __init__(
        self,
        store: StudyStore,
        executor: AbstractExecutor,
        observer: Observer,
        *,
        attempts: int,
        caps: tune.Caps,
    ) -> None:
        """Take up the study where its results are; the caller holds the lock."""
        self._caps = caps
        self._store, self._executor, self._observer = store, executor, observer
        self._attempts = attempts
        self._results = store.results()
        self._planned = store.planned()
        self._earlier: dict[str, list[Attempt]] = {}
        for attempt in store.attempts():
            self._earlier.setdefault(attempt.run_id, []).append(attempt)
        self._underway: dict[int, _Underway] = {}
        self._numbers = itertools.count(1)
        self._failures: list[Planned] = []
        self._machines: collections.Counter[str] = collections.Counter()
        self._apart = ""
        self._began = time.monotonic()
        for result in self._results.values():  # a killed driver may have left checkpoints
            self._tidy(result)
        self._planner = tune.Planner(store.study, self._results)
        self._record()
        self._outlook = Outlook(
            self._planner, self._planned, slots=self._executor.slots, began=self._began
        )
        self._publisher = Publisher(store, self._planner, self._outlook)

    def advance(self) -> bool:
        """Submit what fits, hear what happened; False when the study is answered or may not go on.

        Which of the two it was, `capped` says.
        """
        while len(self._underway) < self._executor.slots and not self.capped():
            following = self._following()
            if following is None:
                break
            self._submit(following)
        self._show()
        if not self._underway:
            return False
        for event in self._executor.events(TICK_SECONDS):
            self._hear(event)
        return True

    def capped(self) -> str:
        """Which limit leaves no room for another run, in words; empty where there is room."""
        running = sum(job.seconds for job in self._underway.values())
        runs = len(self._results) + len(self._underway)
        return self._caps.reached(runs, self._outlook.device_seconds + running)

    @property
    def needs_more(self) -> bool:
        """Whether runs are needed that have not begun."""
        return self._following() is not None

    def stop(self, grace_seconds: float, asked: StopSignals) -> None:
        """Let the jobs write checkpoints, until they have, the time is up, or a second signal."""
        self._observer.notice("stopping: the runs write checkpoints; interrupt again to kill them")
        self._executor.stop()
        deadline = time.monotonic() + grace_seconds
        while self._underway and time.monotonic() < deadline and asked.count < 2:
            for event in self._executor.events(TICK_SECONDS):
                self._hear(event)
            self._show()

    def farewell(self) -> str:
        """What was kept, and how to go on."""
        failed = sum(one.state == "failed" for one in self._results.values())
        but = f" and {failed} failed" if failed else ""
        done = len(self._results) - failed
        return f"stopped with {done} runs done{but}, all kept; the same command goes on from here"

    def give_up(self) -> None:
        """Close the attempts that nobody will answer any more, and say how the study stands."""
        for job in self._underway.values():
            self._store.end_attempt(job.attempt, "interrupted", "the driver stopped")
        self._underway.clear()
        self._publisher.update((), over=True)

    def _following(self) -> Planned | None:
        """The next run that is needed and not under way."""
        busy = {job.attempt.run_id for job in self._underway.values()}
        return next(
            (one.planned for one in self._planner.waiting() if one.run_id not in busy), None
        )

    def _record(self) -> None:
        """Record what is needed now and was not before."""
        fresh = self._planner.fresh()
        new = {one.run_id: one.planned for one in fresh if one.run_id not in self._planned}
        if new:
            self._store.plan(new.values())
            self._planned |= new

    def _submit(self, planned: Planned) -> None:
        attempt = self._store.begin_attempt(run_id(planned.run))
        earlier = self._earlier.setdefault(attempt.run_id, [])
        job = Job(
            number=next(self._numbers),
            runs=(planned.run,),
            folder=str(self._store.attempt_folder(attempt).resolve()),
            earlier=tuple(str(self._store.attempt_folder(one).resolve()) for one in earlier),
        )
        earlier.append(attempt)
        self._underway[job.number] = _Underway(planned=planned, attempt=attempt)
        self._executor.submit(job)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Notice) and event.job == 0:
            self._observer.notice(event.line)
            return
        job = self._underway.get(event.job)
        if job is None:
            return  # an answer to a job that was given up
        if isinstance(event, Progress):
            job.step, job.loss = event.step, event.loss
            return
        if isinstance(event, Notice):
            self._observer.notice(f"{_name(job.planned)}: {event.line}")
            return
        del self._underway[event.job]
        if isinstance(event, Finished):
            self._commit(job, event.results[0])
        elif isinstance(event, Failed):
            self._fail(job, event.reason)
        elif isinstance(event, Lost):
            self._retry(job, event)
        elif isinstance(event, Halted):
            self._close(job, "interrupted", event.reason)
            raise BestiaryError(f"{event.reason}; then the same command goes on from here")
        else:
            self._close(job, "interrupted", "")

    def _commit(self, job: _Underway, result: RunResult) -> None:
        if result.run_id != job.attempt.run_id:
            self._fail(job, f"the worker answered for another run, {result.run_id[:12]}")
            return
        told = result.environment | {PHASE: job.planned.purpose}
        result = msgspec.structs.replace(result, environment=told)
        if self._store.commit(result, job.attempt):
            self._note_machine(result)
            self._results[result.run_id] = result
            self._planner.take(result)
            self._record()
            self._outlook.take(result)
            self._tidy(result)
        if result.state != "failed":
            self._failures.clear()

    def _note_machine(self, result: RunResult) -> None:
        """Say once where this result was computed by another kind of machine than the first."""
        first = next((one for one in self._results.values() if one.environment), result)
        apart = kinds_apart(first.environment, result.environment)
        if apart and apart != self._apart:
            self._apart = apart
            self._observer.notice(f"the last bits of these results may not compare: {apart}")

    def _fail(self, job: _Underway, reason: str) -> None:
        """Record a run as failed; it is not tried again."""
        identity = job.attempt.run_id
        self._commit(job, RunResult(run_id=identity, state="failed", reason=reason))
        self._observer.notice(f"failed: {_name(job.planned)}: {reason}")
        self._failures.append(job.planned)
        suspects = self._failures[-self._attempts :]
        several = len({one.optimizer for one in suspects}) > 1
        none_yet = all(one.state == "failed" for one in self._results.values())
        if len(suspects) == self._attempts and (several or none_yet):
            # Not these runs but the machine, the disk or the data. They deserve another try.
            self._store.forget_failed([run_id(one.run) for one in suspects])
            raise BestiaryError(
                f"{len(suspects)} runs in a row failed, the last: {reason}; "
                "when that is cured, the same command goes on from here"
            )

    def _retry(self, job: _Underway, event: Lost) -> None:
        """Try a run again whose worker died, up to the last attempt."""
        identity, reason = job.attempt.run_id, event.reason
        self._machines[identity] += event.with_machine
        if event.with_machine and self._machines[identity] < MACHINES:
            self._close(job, "interrupted", reason)
            self._observer.notice(f"interrupted, goes on: {_name(job.planned)}: {reason}")
            return
        lost = 1 + sum(one.outcome == "lost" for one in self._earlier[identity])
        if lost >= self._attempts:
            self._fail(job, f"lost {lost} times, the last: {reason}")
            return
        self._close(job, "lost", reason)
        self._observer.notice(f"lost, tried again: {_name(job.planned)}: {reason}")

    def _close(self, job: _Underway, outcome: str, reason: str) -> None:
        closed = msgspec.convert(
            msgspec.to_builtins(job.attempt) | {"outcome": outcome, "reason": reason}, Attempt
        )
        self._store.end_attempt(job.attempt, closed.outcome, reason)
        self._earlier[job.attempt.run_id][-1] = closed

    def _tidy(self, result: RunResult) -> None:
        """Remove the checkpoints of a run that has its result; metrics and logs stay.

        One that failed keeps them, for whoever has it tried again.
        """
        for attempt in self._earlier[result.run_id] if result.state != "failed" else ():
            checkpoints = self._store.attempt_folder(attempt) / CHECKPOINTS
            shutil.rmtree(checkpoints, ignore_errors=True)

    def _show(self) -> None:
        running = tuple(job.running() for job in self._underway.values())
        self._observer.update(self._outlook.snapshot(running))
        self._publisher.update(running)


def _name(planned: Planned) -> str:
    return f"{planned.optimizer} {planned.cell.size} {planned.cell.ratio:g}x ({planned.purpose})"
