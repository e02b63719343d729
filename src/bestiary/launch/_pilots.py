"""The driver's side of the pilots: orders out, answers in, and who is still there."""

import contextlib
import os
import secrets
import shlex
import threading
import time
from pathlib import Path
from typing import final

import msgspec

from bestiary.errors import BestiaryError, UserError
from bestiary.launch._crew import Crew
from bestiary.launch._exchange import (
    Answer,
    Damaged,
    DriverCard,
    Exchange,
    Order,
    names,
    read,
    take,
    write,
)
from bestiary.launch._executor import AbstractExecutor
from bestiary.launch._launcher import AbstractLauncher, Ended
from bestiary.launch._messages import Event, Job, Lost, Notice, Progress, Stopped
from bestiary.launch._populations import check_together
from bestiary.launch._training import TRAINER
from bestiary.specs import RunSpec, Study, digest
from bestiary.store import software

BEAT_SECONDS = 1.0
# A network disk may show another machine's files a minute late.
LEASE_SECONDS = 180.0
POLL_SECONDS = 0.05
ASK_SECONDS = 1.0
COMPLAINT = "bestiary: error: "
# An order that is nowhere: between two renames, or on its way through a network disk.
NOWHERE_SECONDS = 90.0


@final
class PilotsExecutor(AbstractExecutor):
    """Trains jobs in pilots (`bestiary worker`), wherever those run that see the study's folder.

    Each job is a file that a pilot claims by renaming it. What the pilots are, and how they were
    started, is of no account: they come and go while the study runs.
    """

    def __init__(
        self,
        folder: str | Path,
        study: Study,
        corpora: str | Path,
        *,
        launcher: AbstractLauncher | None = None,
        devices: int = 1,
        population: int = 1,
        trainer: str = TRAINER,
        lease_seconds: float = LEASE_SECONDS,
    ) -> None:
        """Name the study; nothing is written before `start`.

        Args:
            folder: The study's folder, which every pilot must see.
            study: The study.
            corpora: Folder of the prepared corpora, for pilots that see it too.
            launcher: What starts pilots; without one they are started by hand.
            devices: Of each run in the pilots that are started.
            population: The most runs that a pilot trains as one program.
            trainer: What trains a job, as `module:function`.
            lease_seconds: A pilot whose heartbeat stands still for so long is dead; its orders are
                lost, and whatever it answers later is of no account.

        Raises:
            UserError: several runs as one program, over several devices.
        """
        self._exchange = Exchange(Path(folder).resolve())
        self._session = secrets.token_hex(4)
        self._terms = DriverCard(
            session=self._session,
            beat=0,
            study=digest(study),
            software=software(),
            corpora=str(Path(corpora).resolve()),
            data=study.data.digest,
            trainer=trainer,
        )
        check_together(devices, population)
        self._launcher, self._devices, self._population = launcher, devices, population
        self._asked_launcher = 0.0
        self._crew = Crew(self._exchange, lease_seconds)
        self._jobs: dict[
            str, int
        ] = {}  # numbers of the jobs under way by the names of their orders
        self._told: dict[str, int] = {}  # how many notices of an order were passed on
        self._nowhere: dict[str, float] = {}
        self._happened: list[Event] = []
        self._refusal = ""
        self._writing = threading.Lock()
        self._closed = threading.Event()
        self._heart: threading.Thread | None = None

    @property
    def slots(self) -> int:
        """Two for each that the pilots have: who ends one order finds the next one waiting."""
        return 2 * max(1, self._crew.slots)

    @property
    def devices(self) -> int:
        """Of the pilots that are started; those that join by hand take their own."""
        return self._devices

    def members(self, run: RunSpec) -> int:
        """As many as were asked for: pilots are on any kind of device."""
        del run
        return self._population

    def start(self) -> None:
        """Open the exchange, and begin to show a heartbeat.

        Raises:
            UserError: the study's folder takes no files.
            DiskError: it takes no more.
            UserError: the launcher cannot start pilots.
        """
        self._exchange.lay()
        self._exchange.clear()
        self._say(over=False)
        self._heart = threading.Thread(target=self._beat, daemon=True)
        self._heart.start()
        if self._launcher is not None:
            self._launcher.start(str(self._exchange.study_folder))
        where = shlex.quote(str(self._exchange.study_folder))
        more = "; more join by" if self._launcher else ":"
        line = f"runs train in pilots{more} `bestiary worker {where}`, on any machine that sees it"
        self._happened.append(Notice(job=0, line=line))

    def submit(self, job: Job) -> None:
        """Put an order where the pilots look."""
        name = f"{self._session}-{job.number:08d}"
        root = self._exchange.study_folder
        relative = msgspec.structs.replace(
            job,
            folder=os.path.relpath(job.folder, root),
            earlier=tuple(os.path.relpath(folder, root) for folder in job.earlier),
            trunks=tuple(os.path.relpath(folder, root) for folder in job.trunks),
        )
        self._jobs[name] = job.number
        order = Order(study=self._terms.study, name=name, job=relative)
        write(self._exchange.order_file(name), order)

    def events(self, timeout: float) -> list[Event]:
        """What the pilots answered and how far they are; the orders of dead pilots are lost."""
        until = time.monotonic() + timeout
        while True:
            self._hear_answers()
            self._watch()
            happened, self._happened = self._happened, []
            if happened or time.monotonic() >= until:
                return happened
            time.sleep(max(0.0, min(POLL_SECONDS, until - time.monotonic())))

    def stop(self) -> None:
        """Take back what nobody has, and ask the pilots to write checkpoints and to go."""
        self._say(over=True)
        for name in list(self._jobs):
            back = self._exchange.refused / f"{name}.json"
            if take(self._exchange.order_file(name), back):
                back.unlink(missing_ok=True)
                self._happened.append(Stopped(job=self._jobs.pop(name)))

    def close(self) -> None:
        """Tell the pilots that it is over, and leave no order, claim or answer behind."""
        if self._heart is None:
            return
        self._closed.set()
        self._heart.join()
        self._heart = None
        with contextlib.suppress(BestiaryError):  # the disk may be what ended the study
            self._say(over=True)
        if self._launcher is not None:
            self._launcher.close()
        self._exchange.clear()
        self._jobs.clear()

    def _say(self, *, over: bool) -> None:
        with self._writing:
            beat = self._terms.beat + 1
            over = over or self._terms.over
            self._terms = msgspec.structs.replace(self._terms, beat=beat, over=over)
            write(self._exchange.terms, self._terms)

    def _beat(self) -> None:
        while not self._closed.wait(BEAT_SECONDS):
            with contextlib.suppress(BestiaryError):  # a full disk is the driver's own to meet
                self._say(over=False)

    def _hear_answers(self) -> None:
        for name in names(self._exchange.answers):
            path = self._exchange.answer_file(name)
            if name not in self._jobs:
                path.unlink(missing_ok=True)  # of an order that was given up
                continue
            number = self._jobs[name]
            try:
                answer = read(path, Answer)
                if answer.study != self._terms.study:
                    raise Damaged(f"{path} is of another study")
                if (answer.order, answer.event.job) != (name, number):
                    raise Damaged(f"{path} answers another order, {answer.order[:80]}")
            except FileNotFoundError:
                continue
            except Damaged as damage:
                self._exchange.refuse(path)
                self._end(name, Lost(job=number, reason=f"{damage}; it was put aside"))
                continue
            self._pass_on(name, answer.notices)
            self._end(name, answer.event)
            path.unlink(missing_ok=True)

    def _end(self, name: str, event: Event) -> None:
        del self._jobs[name]
        self._told.pop(name, None)
        self._nowhere.pop(name, None)
        self._happened.append(event)

    def _pass_on(self, name: str, notices: tuple[str, ...]) -> None:
        """The notices of an order that were not passed on yet."""
        told = self._told.get(name, 0)
        self._told[name] = max(told, len(notices))
        self._happened += [Notice(job=self._jobs[name], line=line) for line in notices[told:]]

    def _watch(self) -> None:
        """Look at the pilots, now and then."""
        seen = self._crew.look(self._gone())
        if seen is None:
            return
        self._happened += [Notice(job=0, line=line) for line in seen.notices]
        for progress in seen.underway:
            if progress.order in self._jobs:
                self._pass_on(progress.order, progress.notices)
                number = self._jobs[progress.order]
                self._happened.append(Progress(job=number, step=progress.step, loss=progress.loss))
        if seen.dead:
            self._hear_answers()  # what they answered before they died counts
        for name, pilot in seen.claims.items():
            if name in self._jobs and pilot in seen.dead:
                self._end(
                    name, Lost(job=self._jobs[name], reason=seen.dead[pilot], with_machine=True)
                )
        self._crew.bury(seen.dead)
        self._miss(seen.claims)

    def _gone(self) -> dict[str, str]:
        """Units of the launcher that are gone, and why, by what the names of pilots begin with.

        Raises:
            UserError: all of them were refused, and nobody else trains.
        """
        if self._launcher is None or time.monotonic() - self._asked_launcher < ASK_SECONDS:
            return {}
        self._asked_launcher = time.monotonic()
        ended = self._launcher.ended()
        for one in ended:
            if one.was_refused:
                self._refusal = _why(one)
            if one.code != 0:
                self._happened.append(Notice(job=0, line=f"a pilot ended: {_why(one)}"))
        if not self._launcher.living and not self._crew.slots and not self._terms.over:
            reason = self._refusal or (_why(ended[-1]) if ended else "they left")
            raise UserError(f"no pilot is left: {reason}")
        return {one.name: _why(one) for one in ended}

    def _miss(self, claims: dict[str, str]) -> None:
        """An order that is nowhere for long, because somebody removed its file, is lost."""
        waiting = set(names(self._exchange.orders))
        now = time.monotonic()
        for name in list(self._jobs):
            if name in waiting or name in claims:
                self._nowhere.pop(name, None)
            elif now - self._nowhere.setdefault(name, now) > NOWHERE_SECONDS:
                reason = "its order disappeared from the study's folder"
                self._end(name, Lost(job=self._jobs[name], reason=reason))


def _why(ended: Ended) -> str:
    """Why a unit is gone, in words."""
    return ended.reason.removeprefix(COMPLAINT) or f"exit code {ended.code}"
