"""A pilot: takes orders from a study's folder, trains them here, and leaves the answers there."""

import contextlib
import os
import random
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import msgspec

from bestiary.errors import BestiaryError, StopRequested, UserError
from bestiary.launch._exchange import (
    Answer,
    Damaged,
    DriverCard,
    Exchange,
    Order,
    OtherProtocol,
    PilotCard,
    Underway,
    names,
    read,
    take,
    write,
)
from bestiary.launch._local import LocalExecutor
from bestiary.launch._messages import Event, Final, Job, Lost, Notice, Progress, Stopped
from bestiary.launch._stopping import PREEMPTION, StopSignals
from bestiary.store import STUDY_FILE, StudyStore, owned_name, software, software_apart

BEAT_SECONDS = 1.0
# How often a pilot looks for orders: at once after it found one, then ever more rarely.
SOONEST_SECONDS, LATEST_SECONDS = 0.05, 1.0
# A driver whose heartbeat stands still for so long is gone: nobody would read an answer.
SILENCE_SECONDS = 300.0
# The most that a pilot's own silence counts as its driver's.
LISTENING_SECONDS = 5.0
GRACE_SECONDS = 60.0
# Of how many orders the next few are one; and after how many that others had a list is old.
CROWD, STALE = 8, 4
PATIENCE_SECONDS = 600.0
Ending = Literal["asked", "over", "silent", "other session", "claim lost"]


class Pilot:
    """One pilot, from the first look for a driver to the end of its patience."""

    def __init__(
        self,
        folder: str | Path,
        corpora: str | Path,
        *,
        workers: int | None = None,
        devices: int = 1,
        any_versions: bool = False,
        patience_seconds: float = PATIENCE_SECONDS,
        parent: int = 0,
        prefix: str = "",
        say: Callable[[str], None] = print,
    ) -> None:
        """Name the study; nothing is written before there is a driver.

        Args:
            folder: The study's folder, as this machine sees it.
            corpora: This machine's own folder of prepared corpora, where it does not see the
                driver's.
            workers: Processes that train; by default one per core, or as many as the accelerators
                are enough for.
            devices: Of each run, over which it is laid.
            any_versions: Whether to train with other code or packages than the driver's, or than
                those that the study was begun with.
            patience_seconds: How long to wait for a driver before leaving.
            parent: A process without which this one must not live; 0 for none.
            prefix: What its name begins with, so that a launcher knows it again.
            say: Is told what happens, in lines.
        """
        self._folder = Path(folder).resolve()
        self._exchange = Exchange(self._folder)
        self._corpora, self._workers, self._devices = Path(corpora), workers, devices
        self._any_versions, self._patience_seconds = any_versions, patience_seconds
        self._parent, self._say = parent, say
        self._name = owned_name(prefix)
        self._beats = 0
        self._driver = _Driver(self._exchange)

    def serve(self) -> None:
        """Train orders until the driver says that it is over, or none comes any more.

        Raises:
            UserError: there is no study, no corpus, or the driver, or what began the study, was
                another program.
            StopRequested: SIGTERM, SIGUSR2, SIGINT or SIGHUP came; the orders were given back.
        """
        if not (self._folder / STUDY_FILE).is_file():
            raise UserError(
                f"this machine ({socket.gethostname()}) sees no study in {self._folder}; one that "
                "is trained by pilots lies on a disk that all of their machines have"
            )
        with StopSignals(also=PREEMPTION) as asked:
            while (terms := self._await_driver(asked)) is not None:
                ending = self._serve(terms, asked)
                if ending == "over":
                    self._say("the driver has ended; leaving")
                    return
                if ending == "asked":
                    break
                self._say(f"{ending}: waiting for a driver")
            if asked.count:
                raise StopRequested("the orders of this pilot were given back", asked.signal)
            self._say(f"no driver for {self._patience_seconds:g} s; leaving")

    def _await_driver(self, asked: StopSignals) -> DriverCard | None:
        """The terms of a driver that lives; None where none came in time, or this one must go."""
        until = time.monotonic() + self._patience_seconds
        while not asked.count:
            terms = self._driver.look()
            if terms is not None and self._driver.lives:
                return terms
            if time.monotonic() > until:
                return None
            self._leave_with_parent()
            time.sleep(LATEST_SECONDS / 2)
        return None

    def _serve(self, terms: DriverCard, asked: StopSignals) -> Ending:
        """Train for one driver; every order is answered or given back when this returns."""
        self._check_versions(terms)
        corpora = self._corpora_of(terms)
        with LocalExecutor(
            corpora, workers=self._workers, devices=self._devices, trainer=terms.trainer
        ) as executor:
            hand = _Hand(self._exchange, terms, self._name, self._say)
            hand.open()
            self._show(executor, hand)
            many = "worker" if executor.slots == 1 else "workers"
            self._say(f"{executor.slots} {many} for the study in {self._folder}")
            try:
                ending = self._train(executor, hand, terms, asked)
                self._give_back(executor, hand, asked)
                return ending
            finally:
                executor.close()
                hand.close()

    def _train(
        self, executor: LocalExecutor, hand: "_Hand", terms: DriverCard, asked: StopSignals
    ) -> Ending:
        pause, shown = SOONEST_SECONDS, time.monotonic()
        while True:
            if asked.count:
                return "asked"
            if len(hand.held) < executor.slots:
                job = hand.claim()
                pause = min(2 * pause, LATEST_SECONDS) if job is None else SOONEST_SECONDS
                if job is not None:
                    executor.submit(job)
            full = len(hand.held) >= executor.slots
            for event in executor.events(LATEST_SECONDS / 2 if full else pause):
                hand.hear(event)
            if time.monotonic() - shown >= BEAT_SECONDS:
                shown = time.monotonic()
                self._leave_with_parent()
                self._show(executor, hand)
                if (ending := self._ending(hand, terms)) is not None:
                    return ending

    def _ending(self, hand: "_Hand", terms: DriverCard) -> Ending | None:
        """Why to stop training for this driver, if there is a reason."""
        now = self._driver.look()
        if now is not None and now.session != terms.session:
            return "other session"
        if now is not None and now.over:
            return "over"
        if self._driver.still_seconds > SILENCE_SECONDS:
            return "silent"
        return "claim lost" if hand.has_lost_a_claim() else None

    def _give_back(self, executor: LocalExecutor, hand: "_Hand", asked: StopSignals) -> None:
        """Have what is in training write its checkpoint, and answer that it was stopped."""
        executor.stop()
        before, until = asked.count, time.monotonic() + GRACE_SECONDS
        while hand.held and time.monotonic() < until and asked.count <= max(1, before):
            for event in executor.events(LATEST_SECONDS / 2):
                hand.hear(event)
            self._show(executor, hand)
        hand.drop()

    def _check_versions(self, terms: DriverCard) -> None:
        with StudyStore.open(self._folder, read_only=True) as store:
            begun_with = store.begun_with()
        for other, theirs in (("its driver", terms.software), ("what began the study", begun_with)):
            apart = software_apart(software(), theirs) if theirs else ""
            if apart and not self._any_versions:
                raise UserError(
                    f"this pilot and {other} are not the same program: {apart}; install the same, "
                    "or mix them with --any-versions"
                )
            if apart:
                self._say(f"not the program of {other}: {apart}")

    def _corpora_of(self, terms: DriverCard) -> Path:
        places = (Path(terms.corpora), self._corpora)
        for place in places:
            if (place / terms.data).is_dir():
                return place
        raise UserError(
            f"this machine has the study's text (corpus {terms.data[:12]}) neither in {places[0]} "
            f"nor in {places[1]}; copy it to one of them, or set BESTIARY_CACHE to a folder that "
            "all machines see"
        )

    def _show(self, executor: LocalExecutor, hand: "_Hand") -> None:
        self._beats += 1
        card = PilotCard(
            pilot=self._name,
            host=socket.gethostname(),
            pid=os.getpid(),
            slots=executor.slots,
            beat=self._beats,
            underway=tuple(hand.underway.values()),
        )
        with contextlib.suppress(BestiaryError):  # what fails here fails where it matters
            write(self._exchange.card_file(self._name), card)

    def _leave_with_parent(self) -> None:
        """End with the launcher's process, whose death ends this pilot's right to a device."""
        if self._parent and os.getppid() != self._parent:
            raise BestiaryError("the process that started this pilot is gone")


class _Driver:
    """The driver as a pilot sees it: a heartbeat in a file."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._last: DriverCard | None = None
        self._looked = time.monotonic()
        self.still_seconds = 0.0  # since its heartbeat last moved, while this process looked
        self.lives = False  # whether it was seen to move

    def look(self) -> DriverCard | None:
        """Its newest terms; None where there are none, or somebody has broken them.

        Raises:
            UserError: it speaks another version of the protocol.
        """
        now = time.monotonic()
        listened, self._looked = min(now - self._looked, LISTENING_SECONDS), now
        try:
            found = read(self._exchange.terms, DriverCard)
        except OtherProtocol as apart:
            raise UserError(f"{apart}; install the driver's Bestiary here") from None
        except (OSError, Damaged):
            found = None
        moved = found is not None and (
            self._last is None
            or (found.session, found.beat) != (self._last.session, self._last.beat)
        )
        if moved and found is not None:
            # What was there before this process looked may be of a driver long dead.
            self.lives = self._last is not None and not found.over
            self._last, self.still_seconds = found, 0.0
        else:
            self.still_seconds += listened
            self.lives = self.lives and self.still_seconds <= SILENCE_SECONDS
        return found


class _Hand:
    """The orders that a pilot has claimed from one driver."""

    def __init__(
        self, exchange: Exchange, terms: DriverCard, pilot: str, say: Callable[[str], None]
    ) -> None:
        self._exchange, self._terms, self._say = exchange, terms, say
        self._own = exchange.claimed / pilot
        self._card = exchange.card_file(pilot)
        self._known: list[str] = []  # orders that were there at the last look, the next one last
        self.held: dict[int, str] = {}  # names of orders by the numbers of their jobs
        self.underway: dict[int, Underway] = {}

    def open(self) -> None:
        """Have a place for claims."""
        self._own.mkdir(parents=True, exist_ok=True)
        self._card.parent.mkdir(parents=True, exist_ok=True)

    def close(self) -> None:
        """Leave nothing behind."""
        for name in names(self._own):
            self._claim_file(name).unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._own.rmdir()
        self._card.unlink(missing_ok=True)

    def claim(self) -> Job | None:
        """The job of an order that this pilot alone has now; None where there is none."""
        missed = 0
        if not self._known:
            self._look()
        while self._known:
            # The first; of very many one near it, or all pilots would race for each in turn.
            near = len(self._known) // CROWD
            name = self._known.pop(-1 - (random.randrange(near) if near else 0))
            claim = self._claim_file(name)
            if not take(self._exchange.order_file(name), claim):
                missed += 1
                if missed % STALE == 0:
                    self._look()
            elif (job := self._read(name, claim)) is not None:
                self.held[job.number] = name
                self.underway[job.number] = Underway(order=name)
                return job
        return None

    def _look(self) -> None:
        """See which orders are there."""
        self.open()
        orders = names(self._exchange.orders)[::-1]
        self._known = [name for name in orders if name.startswith(self._terms.session)]

    def hear(self, event: Event) -> None:
        """Note what a worker said of a job; its last word is answered."""
        name, before = self.held.get(event.job), self.underway.get(event.job)
        if name is None or before is None:
            return
        if isinstance(event, Progress):
            told = {"step": event.step, "loss": event.loss}
            self.underway[event.job] = msgspec.structs.replace(before, **told)
        elif isinstance(event, Notice):
            notices = (*before.notices, event.line)
            self.underway[event.job] = msgspec.structs.replace(before, notices=notices)
        else:
            self._answer(name, event, before.notices)

    def drop(self) -> None:
        """Give back what is still held, to go on from an earlier checkpoint."""
        for number in list(self.held):
            self.hear(Stopped(job=number))

    def has_lost_a_claim(self) -> bool:
        """Whether a claim is gone: its driver took this pilot for dead."""
        return not set(self.held.values()) <= set(names(self._own))

    def _read(self, name: str, claim: Path) -> Job | None:
        """The job of a claimed order; one that is not what the driver wrote is put aside."""
        try:
            order = read(claim, Order)
            if order.study != self._terms.study:
                raise Damaged(f"order {name} is of another study")
            if order.name != name:
                raise Damaged(f"order {name} is a copy of {order.name[:80]}")
            return self._absolute(order.job)
        except (Damaged, FileNotFoundError) as damage:
            self._say(f"{damage}; it was put aside")
            self._exchange.refuse(claim)
            number = name.removeprefix(f"{self._terms.session}-")
            if number.isdecimal():
                self._answer(name, Lost(job=int(number), reason=f"{damage}; it was put aside"), ())
            return None

    def _absolute(self, job: Job) -> Job:
        root = self._exchange.study_folder
        named = (job.folder, *job.earlier, *job.trunks)
        folders = [Path(os.path.normpath(root / one)) for one in named]
        if not all(root in folder.parents for folder in folders):
            raise Damaged(f"order {job.number} names a folder outside of its study")
        own, *others = map(str, folders)
        earlier, trunks = others[: len(job.earlier)], others[len(job.earlier) :]
        return msgspec.structs.replace(
            job, folder=own, earlier=tuple(earlier), trunks=tuple(trunks)
        )

    def _answer(self, name: str, event: Final, notices: tuple[str, ...]) -> None:
        """Put an answer in place; one to an order that was taken away would be of no account."""
        self.held.pop(event.job, None)
        self.underway.pop(event.job, None)
        answer = Answer(study=self._terms.study, order=name, notices=notices, event=event)
        write(self._exchange.answer_file(name), answer)
        self._claim_file(name).unlink(missing_ok=True)
        self._say(f"order {name}: {type(event).__name__.lower()}")

    def _claim_file(self, name: str) -> Path:
        return self._own / f"{name}.json"
