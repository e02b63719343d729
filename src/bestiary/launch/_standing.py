"""How a study stands, as its driver knows it: one small sealed file that spares readers planning.

Planning anew takes a minute at 100,000 results, and a driver has it all in memory. What it says
is told apart by the results that it rests on: where newer ones were committed a reader adds them to
the sums, and where the file is not of this store, is damaged or missing, the reader plans itself.
Nothing rests on the file, so it is not forced to the disk, and a study that lacks it lacks nothing.
"""

import contextlib
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

from bestiary.errors import BestiaryError
from bestiary.launch._exchange import Damaged, read, write
from bestiary.launch._outlook import Outlook
from bestiary.launch._snapshot import Running
from bestiary.specs import Spec
from bestiary.store import ResultsMark, StudyStore
from bestiary.tune import (
    PhaseAccount,
    Planner,
    Skipped,
    Sums,
    TableLeft,
    Tables,
    Tallied,
    phase_accounts,
)

FILE = "standing.json"
# Of its time a driver gives at most one part in so many to publishing, and writes no more often.
SHARE = 50
LEAST_SECONDS = 2.0
# Reckoning what is left on the table: at every publishing, and when there is nothing else to do.
MOMENT_SECONDS = 0.05
LONG_SECONDS = 2.0


class Standing(Spec, frozen=True, kw_only=True):
    """How a study stands.

    Attributes:
        study: Digest of the study.
        mark: The results that its decisions rest on.
        newer: How many results came since, which the sums count and the decisions do not know.
        rows: What came of the runs of every candidate, cell and purpose, in the order of the plan.
        phases: What the phases decided.
        left_on_table: What further tuning would still gain, as far as that was reckoned.
        skipped: What is not trained, with reasons.
        slots: How many runs were under way at once; 1 where nobody drove.
        seconds_left: An estimate of the rest with so many at once; None before the first result.
        written: When, in seconds since the epoch; for people.
    """

    study: str
    mark: ResultsMark
    newer: int = 0
    rows: tuple[Tallied, ...]
    phases: tuple[PhaseAccount, ...]
    left_on_table: tuple[TableLeft, ...]
    skipped: tuple[Skipped, ...]
    slots: int
    seconds_left: float | None
    written: float


def standing(store: StudyStore) -> Standing:
    """How a study stands now: as its driver published it and with what came since, or planned anew.

    Args:
        store: The study, open for reading; a driver may be at work on it.
    """
    published = _published(store)
    newer = None if published is None else store.since(published.mark)
    if published is None or newer is None:
        return _planned_anew(store)
    sums = Sums(published.rows)
    for planned, result in newer:
        sums.count(planned, result)
    return msgspec.structs.replace(published, rows=sums.rows(), newer=len(newer))


class Publisher:
    """Publishes how a study stands, while its driver has it in memory."""

    def __init__(self, store: StudyStore, planner: Planner, outlook: Outlook) -> None:
        """Nothing is published yet.

        Args:
            store: Where, open for writing.
            planner: What is decided.
            outlook: What came of it.
        """
        self._store, self._planner, self._outlook = store, planner, outlook
        self._tables = Tables(planner)
        self._results, self._reckoned, self._due = -1, False, 0.0

    def update(self, running: Iterable[Running], *, over: bool = False) -> None:
        """Publish what is new, if it is time; a disk that takes no file is no reason to stop.

        Args:
            running: What is under way.
            over: Whether the driver ends: it is time, and there is time.
        """
        begun = time.monotonic()
        settled = self._reckoned and self._results == len(self._planner.results)
        if settled or (begun < self._due and not over):
            return
        self._reckoned = self._tables.refresh(LONG_SECONDS if over else MOMENT_SECONDS)
        with contextlib.suppress(BestiaryError):
            mark = self._store.mark()
            # Else some were forgotten, to be tried again: what is decided is not so.
            if mark.results == len(self._planner.results):
                self.publish(mark, tuple(running))
        now = time.monotonic()
        self._due = now + max(LEAST_SECONDS, SHARE * (now - begun))

    def publish(self, mark: ResultsMark, running: tuple[Running, ...]) -> None:
        """Put the file in place.

        Args:
            mark: The results that were decided on.
            running: What is under way.

        Raises:
            BestiaryError: it cannot be written.
        """
        made = _made(self._store, mark, self._planner, self._outlook, self._tables, running)
        write(self._store.folder / FILE, made)
        self._results = mark.results


def _published(store: StudyStore) -> Standing | None:
    """What the last driver published; None where nothing whole of this study is there."""
    try:
        found = read(Path(store.folder) / FILE, Standing)
    except (OSError, Damaged):
        return None
    return found if found.study == store.meta()["digest"] else None


def _planned_anew(store: StudyStore) -> Standing:
    """The same without what a driver published."""
    mark, held = store.mark(), store.contents()
    planner = Planner(store.study, held.results)
    outlook = Outlook(planner, held.planned, slots=1, began=time.monotonic())
    tables = Tables(planner)
    tables.refresh(LONG_SECONDS)
    return _made(store, mark, planner, outlook, tables, ())


def _made(
    store: StudyStore,
    mark: ResultsMark,
    planner: Planner,
    outlook: Outlook,
    tables: Tables,
    running: tuple[Running, ...],
) -> Standing:
    return Standing(
        study=store.meta()["digest"],
        mark=mark,
        rows=outlook.rows(),
        phases=phase_accounts(planner),
        left_on_table=tables.found(),
        skipped=planner.skipped(),
        slots=outlook.slots,
        seconds_left=outlook.snapshot(running).seconds_left,
        written=time.time(),
    )
