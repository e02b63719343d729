"""One driver at work: submit what is needed, commit what comes back, plan again.

It holds no state that matters: planning is a function of the committed results, so a driver that is
killed at any moment and started again ends with the same table.
"""

import collections
import functools
import itertools
import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from bestiary import tune
from bestiary.errors import BestiaryError
from bestiary.launch._executor import AbstractExecutor
from bestiary.launch._messages import Event, Failed, Finished, Halted, Job, Lost, Notice, Progress
from bestiary.launch._outlook import Outlook
from bestiary.launch._populations import alike, lay, members, settle
from bestiary.launch._snapshot import Observer
from bestiary.launch._standing import Publisher
from bestiary.launch._stopping import StopSignals
from bestiary.launch._submitted import JobMember, Submitted, named
from bestiary.launch._trunks import Trunks
from bestiary.launch._weights import keep
from bestiary.specs import PHASE, Planned, RunResult, kinds_apart, run_id
from bestiary.store import CHECKPOINTS, TRUNK, Attempt, Contents, Outcome, StudyStore, remove

TICK_SECONDS = 0.5
# How far down the order of runs it is looked for one that compiles nothing twice.
LOOK_AHEAD = 64
# A run that so many machines were lost with, one after another, may be what brings them down.
MACHINES = 10


class Driver:
    """The state of one driver; everything in it can be rebuilt from the store."""

    def __init__(
        self,
        store: StudyStore,
        held: Contents,
        executor: AbstractExecutor,
        observer: Observer,
        *,
        attempts: int,
        caps: tune.Caps,
        keep_weights: bool = False,
    ) -> None:
        """Take up the study where its results are; the caller holds the lock, and read them."""
        self._caps = caps
        self._keep_weights = keep_weights
        self._store, self._executor, self._observer = store, executor, observer
        self._attempts = attempts
        self._planned, self._results = held.planned, held.results
        self._earlier: dict[str, list[Attempt]] = {}
        for attempt in held.attempts:
            self._earlier.setdefault(attempt.run_id, []).append(attempt)
        self._underway: dict[int, Submitted] = {}
        self._numbers = itertools.count(1)
        self._failures: list[Planned] = []
        self._compiled: set[tuple[Any, ...]] = set()
        self._machines: collections.Counter[str] = collections.Counter()
        self._alone: set[str] = set()  # runs that are not to be trained with others
        self._shaken: collections.Counter[tuple[str, ...]] = collections.Counter()
        self._apart = ""
        self._began = time.monotonic()
        for result in self._results.values():  # a killed driver may have left checkpoints
            self._tidy(result)
        self._planner = tune.Planner(store.study, self._results)
        self._trunks = Trunks()
        self._trunks.take(self._planned)
        self._record()
        self._clear(self._trunks.over(self._wanted))  # as for the checkpoints above
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
            if not following:
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
        spent = self._outlook.device_seconds + self._executor.devices * running
        return self._caps.reached(self._begun, spent)

    @property
    def _begun(self) -> int:
        """Runs with a result or under way."""
        return len(self._results) + sum(len(job.members) for job in self._underway.values())

    @property
    def needs_more(self) -> bool:
        """Whether runs are needed that have not begun."""
        return next(self._free(), None) is not None

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
            for one in job.members:
                self._store.end_attempt(one.attempt, "interrupted", "the driver stopped")
        self._underway.clear()
        self._publisher.update((), over=True)

    def _following(self) -> list[Planned]:
        """The next run that is needed and not under way, and those to be trained with it."""
        waiting = self._not_compiling_first(self._free())
        first = next(waiting, None)
        return [] if first is None else [one.planned for one in self._together(first, waiting)]

    def _free(self) -> Iterator[tune.Identified]:
        """The runs that are needed and not under way."""
        busy = {identity for job in self._underway.values() for identity in job.runs}
        wanted = functools.cache(self._wanted)
        return (
            one
            for one in self._planner.waiting()
            if one.run_id not in busy and not self._waits(one.run_id, wanted)
        )

    def _waits(self, identity: str, wanted: Callable[[], set[str]]) -> bool:
        """Whether a run of its trunk comes first, at whose checkpoint it will begin."""
        earlier = [one for one in self._trunks.earlier(identity) if one not in self._results]
        return bool(earlier) and not wanted().isdisjoint(earlier)

    def _wanted(self) -> set[str]:
        """The runs that are needed, those under way included."""
        return {one.run_id for one in self._planner.waiting()}

    def _not_compiling_first(self, waiting: Iterator[tune.Identified]) -> Iterator[tune.Identified]:
        """In their order, but last those of the next few that another worker compiles just now.

        It compiles them for the first time: soon their program is in the cache.
        """
        starting = (job for job in self._underway.values() if job.step == 0)
        compiling = {_program(job.members[0].planned) for job in starting} - self._compiled
        few = list(itertools.islice(waiting, LOOK_AHEAD if compiling else 0))
        postponed = [one for one in few if _program(one.planned) in compiling]
        ready = (one for one in few if one not in postponed)
        return itertools.chain(ready, postponed, waiting)

    def _together(
        self, first: tune.Identified, waiting: Iterator[tune.Identified]
    ) -> list[tune.Identified]:
        """The population of a run: those of an earlier attempt, else of its kind, shared out."""
        most = self._executor.members(first.planned.run)
        if most < 2 or first.run_id in self._alone or self._on_a_trunk(first.run_id):
            return [first]
        if self._earlier.get(first.run_id):
            return self._as_before(first, waiting)
        free = self._executor.slots - len(self._underway)
        found = [first]
        for one in waiting:
            if len(found) >= most * free:
                break
            fresh = (
                not self._earlier.get(one.run_id)
                and self._executor.members(one.planned.run) > 1
                and not self._on_a_trunk(one.run_id)
            )
            if fresh and alike(first.planned.run, one.planned.run):
                found.append(one)
        return found[: min(most, self._caps.room(self._begun), math.ceil(len(found) / free))]

    def _on_a_trunk(self, identity: str) -> bool:
        """Whether a run begins at another's checkpoint or leaves one, which it does alone."""
        leaves, _ = self._trunks.orders(identity, self._wanted)
        return bool(leaves or self._trunks.earlier(identity))

    def _as_before(
        self, first: tune.Identified, waiting: Iterator[tune.Identified]
    ) -> list[tune.Identified]:
        """The runs that share its checkpoint; itself where they are not all needed any more."""
        before = members(self._store.attempt_folder(self._earlier[first.run_id][-1]))
        found = {one.run_id: one for one in (first, *waiting) if one.run_id in before}
        if len(before) < 2 or set(before) != found.keys() - self._alone:
            return [first]
        return [found[identity] for identity in before]

    def _record(self) -> None:
        """Record what is needed now and was not before."""
        fresh = self._planner.fresh()
        new = {one.run_id: one.planned for one in fresh if one.run_id not in self._planned}
        if new:
            self._store.plan(new.values())
            self._planned |= new
            self._trunks.take(new)

    def _submit(self, population: Sequence[Planned]) -> None:
        identities = [run_id(planned.run) for planned in population]
        attempts = [self._store.begin_attempt(identity) for identity in identities]
        folders = [self._store.attempt_folder(one).resolve() for one in attempts]
        if len(population) > 1:
            lay(folders, identities)
        leave_at, evaluate_also = self._trunks.orders(identities[0], self._wanted)
        alone = len(population) == 1
        job = Job(
            number=next(self._numbers),
            runs=tuple(planned.run for planned in population),
            folder=str(folders[0]),
            earlier=self._checkpoints(identities),
            trunks=self._left_by(self._trunks.earlier(identities[0])) if alone else (),
            leave_at=leave_at if alone else 0,
            evaluate_also=evaluate_also if alone else (),
            keep_weights=any(map(self._keeps, population)),
        )
        for attempt in attempts:
            self._earlier.setdefault(attempt.run_id, []).append(attempt)
        pairs = zip(population, attempts, strict=True)
        self._underway[job.number] = Submitted(members=tuple(JobMember(*pair) for pair in pairs))
        self._executor.submit(job)

    def _checkpoints(self, identities: Sequence[str]) -> tuple[str, ...]:
        """The folders of earlier attempts at these very runs together, the newest last."""
        together = tuple(identities) if len(identities) > 1 else ()
        earlier = self._earlier.get(identities[0], ())
        folders = [self._store.attempt_folder(one).resolve() for one in earlier]
        return tuple(str(one) for one in folders if members(one) == together)

    def _left_by(self, identities: Iterable[str]) -> tuple[str, ...]:
        """The folders of all attempts at these runs that left a checkpoint for longer ones."""
        attempts = [one for identity in identities for one in self._earlier.get(identity, ())]
        folders = [self._store.attempt_folder(one).resolve() for one in attempts]
        return tuple(str(folder) for folder in folders if (folder / TRUNK).is_dir())

    def _clear(self, identities: Iterable[str]) -> None:
        """Remove what these runs left for longer ones, all of which have their results."""
        for folder in self._left_by(identities):
            remove(Path(folder) / TRUNK)

    def _hear(self, event: Event) -> None:
        if isinstance(event, Notice) and event.job == 0:
            self._observer.notice(event.line)
            return
        job = self._underway.get(event.job)
        if job is None:
            return  # an answer to a job that was given up
        if isinstance(event, Progress):
            job.step, job.loss = event.step, event.loss
            self._compiled.add(_program(job.members[0].planned))
            return
        if isinstance(event, Notice):
            self._observer.notice(f"{job.shown}: {event.line}")
            return
        del self._underway[event.job]
        if isinstance(event, Finished):
            self._compiled.add(_program(job.members[0].planned))
            self._finish(job, event.results)
        elif isinstance(event, Failed):
            self._part(job, "failed", event.reason)
        elif isinstance(event, Lost):
            self._retry(job, event)
        elif isinstance(event, Halted):
            self._close(job, "interrupted", event.reason)
            raise BestiaryError(f"{event.reason}; then the same command goes on from here")
        else:
            self._close(job, "interrupted", "")

    def _finish(self, job: Submitted, results: Sequence[RunResult]) -> None:
        """Commit the results of a job, one by one; checkpoints go when all are there."""
        shared = self._store.attempt_folder(job.members[0].attempt)
        for one, result in zip(job.members, results, strict=False):
            if self._keeps(one.planned) and result.state == "done":
                keep(shared, self._store.weights_folder(result.run_id), one.planned.run)
            self._commit(one, result)
            settle(shared, self._store.attempt_folder(one.attempt), one.attempt.run_id)
        for one in job.members[len(results) :]:
            self._fail(one, "the worker answered for fewer runs than it had")
        for one in job.members:
            if one.attempt.run_id in self._results:
                self._tidy(self._results[one.attempt.run_id])
                self._clear(self._trunks.over_with(one.attempt.run_id, self._wanted))

    def _commit(self, one: JobMember, result: RunResult) -> None:
        if result.run_id != one.attempt.run_id:
            self._fail(one, f"the worker answered for another run, {result.run_id[:12]}")
            return
        told = result.environment | {PHASE: one.planned.purpose}
        result = msgspec.structs.replace(result, environment=told)
        if self._store.commit(result, one.attempt):
            self._note_machine(result)
            self._results[result.run_id] = result
            self._planner.take(result)
            self._record()
            self._outlook.take(result)
        if result.state != "failed":
            self._failures.clear()

    def _note_machine(self, result: RunResult) -> None:
        """Say once where this result was computed by another kind of machine than the first."""
        first = next((one for one in self._results.values() if one.environment), result)
        apart = kinds_apart(first.environment, result.environment)
        if apart and apart != self._apart:
            self._apart = apart
            self._observer.notice(f"the last bits of these results may not compare: {apart}")

    def _part(self, job: Submitted, outcome: str, reason: str) -> None:
        """A job that would end so again: its run has failed; of several, each is tried alone."""
        if len(job.members) == 1:
            self._fail(job.members[0], reason)
            return
        self._alone |= set(job.runs)
        self._close(job, "interrupted", reason)
        self._observer.notice(f"{outcome} together, tried one by one: {job.shown}: {reason}")

    def _fail(self, one: JobMember, reason: str) -> None:
        """Record a run as failed; it is not tried again."""
        identity = one.attempt.run_id
        self._commit(one, RunResult(run_id=identity, state="failed", reason=reason))
        self._observer.notice(f"failed: {named(one.planned)}: {reason}")
        self._failures.append(one.planned)
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

    def _retry(self, job: Submitted, event: Lost) -> None:
        """Try a run again whose worker died, up to the last attempt."""
        identity, reason = job.runs[0], event.reason
        self._machines[identity] += event.with_machine
        if event.with_machine and self._machines[identity] < MACHINES:
            self._close(job, "interrupted", reason)
            self._observer.notice(f"interrupted, goes on: {job.shown}: {reason}")
            return
        if len(job.members) > 1:
            self._retry_population(job, reason)
            return
        lost = 1 + sum(one.outcome == "lost" for one in self._earlier[identity])
        if lost >= self._attempts:
            self._fail(job.members[0], f"lost {lost} times, the last: {reason}")
            return
        self._close(job, "lost", reason)
        self._observer.notice(f"lost, tried again: {job.shown}: {reason}")

    def _retry_population(self, job: Submitted, reason: str) -> None:
        """Once together, from their checkpoint; then alone, where the one to blame shows itself."""
        self._shaken[job.runs] += 1
        if self._shaken[job.runs] > 1:
            self._part(job, "lost", reason)
            return
        self._close(job, "interrupted", reason)
        self._observer.notice(f"lost, tried again: {job.shown}: {reason}")

    def _close(self, job: Submitted, outcome: Outcome, reason: str) -> None:
        for one in job.members:
            self._store.end_attempt(one.attempt, outcome, reason)
            closed = msgspec.structs.replace(one.attempt, outcome=outcome, reason=reason)
            self._earlier[one.attempt.run_id][-1] = closed

    def _keeps(self, planned: Planned) -> bool:
        """Whether a run's weights are to stay."""
        return self._keep_weights and planned.purpose == "report"

    def _tidy(self, result: RunResult) -> None:
        """Remove the checkpoints of a run that has its result; metrics and logs stay.

        One that failed keeps them, for whoever has it tried again.
        """
        for attempt in self._earlier.get(result.run_id, ()) if result.state != "failed" else ():
            checkpoints = self._store.attempt_folder(attempt) / CHECKPOINTS
            remove(checkpoints)

    def _show(self) -> None:
        running = tuple(one for job in self._underway.values() for one in job.running())
        self._observer.update(self._outlook.snapshot(running))
        self._publisher.update(running)


def _program(planned: Planned) -> tuple[Any, ...]:
    """What decides the program of a run, but for settings that are rarely tuned."""
    run = planned.run
    return run.optimizer.name, run.model, run.batch_size
