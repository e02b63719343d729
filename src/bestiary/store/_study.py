"""A study folder: one SQLite file with the study, its planned runs, attempts and results."""

import contextlib
import logging
import sqlite3
from collections.abc import Container, Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from bestiary.errors import BestiaryError, UserError
from bestiary.specs import (
    Planned,
    RunResult,
    Study,
    canonical_json,
    checked,
)
from bestiary.store import _schema
from bestiary.store._as_held import as_held
from bestiary.store._attempt import Attempt, Outcome
from bestiary.store._connection import connect, one_line_errors, transaction
from bestiary.store._contents import Contents, attempt_of, attempts_at, result_of
from bestiary.store._difference import difference
from bestiary.store._file import FILE as FILE
from bestiary.store._file import holds_study, lay, now, ordered_json
from bestiary.store._lock import DriverLock, driver
from bestiary.store._mark import ResultsMark, mark_of, rows_since
from bestiary.store._older import read_study
from bestiary.store._places import SCORES, short
from bestiary.store._planned import is_of_its_run, planned_of, row_of
from bestiary.store._seals import COLUMNS, read, read_some, remove_damaged, seal, unseal
from bestiary.store._software import software

LOCK = "driver.lock"
_DIGITS = 10  # no run is tried as often; a folder of such a name is somebody else's
_LOG = logging.getLogger(__name__)
_MEANING = {"planned": "its run is not done", "results": "its run is not done"}


class StudyStore:
    """The one place where a study's results live. Anyone may read; one driver writes.

    Attributes:
        folder: The study folder.
        path: Its SQLite file.
        study: The study, exactly as it was created.
    """

    folder: Path
    path: Path
    study: Study

    def __init__(self, folder: Path, connection: sqlite3.Connection) -> None:
        """Use `create` or `open`."""
        self.folder = folder
        self.path = folder / FILE
        self._connection = connection
        self._damaged: dict[str, set[str]] = {table: set() for table in COLUMNS}
        self.study = read_study(self.meta()["study"])

    @classmethod
    def create(
        cls,
        folder: str | Path,
        study: Study,
        *,
        command: str = "",
        begun_with: dict[str, str] | None = None,
    ) -> Self:
        """Create a study folder, or go on with it where it already holds this very study.

        Args:
            folder: Where; made if it is not there.
            study: The question. It cannot be changed afterwards.
            command: What the user typed, for the report.
            begun_with: The program that began it, as `software()` names it; this one by default.

        Raises:
            UserError: the folder holds another study or one of a newer schema, or is not writable.
        """
        folder = Path(folder)
        if not holds_study(folder / FILE):
            if (folder / FILE).exists() and not (folder / FILE).is_file():
                raise UserError(f"{folder / FILE} must be a file; choose another folder")
            with one_line_errors(folder / FILE):
                program = software() if begun_with is None else begun_with
                lay(folder, study, ordered_json(study), command, program)
        store = cls.open(folder)
        held = store.study
        study, asked = as_held(held, study, store.meta()["study"])
        if ordered_json(held) != ordered_json(asked):
            store.close()
            raise UserError(
                f"{folder} holds another study: {difference(held, asked)}; "
                "choose another folder, or go on with what it was created with"
            )
        store.study = checked(study)
        return store

    @classmethod
    def open(cls, folder: str | Path, *, read_only: bool = False) -> Self:
        """Open an existing study folder; `read_only` works while a driver runs.

        Raises:
            UserError: there is no study there, or a newer Bestiary wrote it.
        """
        folder = Path(folder)
        path = folder / FILE
        if not holds_study(path):
            raise UserError(f"{folder} holds no study ({FILE} is missing); name its folder")
        with one_line_errors(path), contextlib.ExitStack() as undone:
            connection = connect(path, read_only=read_only)
            undone.callback(connection.close)
            store = cls(folder, connection)
            undone.pop_all()
            return store

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    @contextlib.contextmanager
    def driving(self) -> Iterator[Contents]:
        """Be the one driver of this study; attempts of a driver that died are closed first.

        Yields:
            What the study holds, so that a long one is read once.

        Raises:
            UserError: another driver works on this study.
        """
        with one_line_errors(self.folder / LOCK):
            lock = DriverLock(self.folder / LOCK)
        try:
            found = self._mend()
            attempts = self._close_orphans(found.attempts)
            yield found._replace(attempts=attempts)
        finally:
            lock.release()

    def driver(self) -> str:
        """Who drives the study now, for instance `process 812 on laptop`; empty for nobody."""
        return driver(self.folder / LOCK)

    def meta(self) -> dict[str, str]:
        """What is known of the study: its text and digest, command, date, program and price."""
        found = dict(self._rows("meta"))
        if not {"study", "digest"} <= set(found):
            raise BestiaryError(
                f"{self.path} is damaged: its study is not what was written; restore a copy of it"
            )
        return {"command": "", "created": "", "software": "{}", "price": "0", **found}

    def begun_with(self) -> dict[str, str]:
        """The program that began the study, as `software()` names it; empty of an older study."""
        return msgspec.json.decode(self.meta()["software"], type=dict[str, str])

    def set_price(self, price: float) -> None:
        """Record what a device costs for one hour, for the report; the latest counts."""
        with one_line_errors(self.path), transaction(self._connection):
            self._connection.execute(
                "INSERT INTO meta VALUES ('price', ?)"
                " ON CONFLICT (key) DO UPDATE SET value = excluded.value",
                (repr(float(price)),),
            )
            seal(self._connection, "meta", ["price"])

    # Planned runs are read last: a driver beside may plan a run and commit its result in between.

    def contents(self) -> Contents:
        """Runs, results and attempts, each of them read once."""
        results, attempts = self._rows("results"), self._rows("attempts")
        planned = self.planned()
        return Contents(planned, self._sound(results, planned), attempts_at(planned, attempts))

    def results(self) -> dict[str, RunResult]:
        """Every committed result by run id."""
        rows = self._rows("results")
        return self._sound(rows, {row[0] for row in self._planned_rows()})

    def planned(self) -> dict[str, Planned]:
        """Every run that was ever needed, by run id, in the order in which it was planned."""
        return {row[0]: planned_of(row) for row in self._planned_rows()}

    def attempts(self) -> list[Attempt]:
        """Every attempt, in the order in which they began."""
        rows = self._rows("attempts")
        return attempts_at({row[0] for row in self._planned_rows()}, rows)

    def mark(self) -> ResultsMark:
        """Which results there are now, for `since`."""
        with one_line_errors(self.path):
            return mark_of(self._connection)

    def since(self, mark: ResultsMark) -> list[tuple[Planned, RunResult]] | None:
        """The results that were committed after a mark, in order, without reading the others.

        None where those before it are not the ones of the mark: it is of another store, or results
        were dropped since.
        """
        with one_line_errors(self.path):
            rows = rows_since(self._connection, mark)
        if rows is None:
            return None
        found = self.some_results([row[0] for row in rows])
        planned = self.some_planned(found)
        return [(planned[key], one) for key, one in found.items() if key in planned]

    def some_results(self, identities: Iterable[str]) -> dict[str, RunResult]:
        """The results of a few runs, where there are any, without reading the others."""
        rows = self._some("results", "run_id", identities)
        return {row[0]: one for row in rows if (one := result_of(row)) is not None}

    def some_planned(self, identities: Iterable[str]) -> dict[str, Planned]:
        """A few planned runs by their ids, without reading the others."""
        rows = self._some("planned", "run_id", identities)
        return {row[0]: planned_of(row) for row in rows if is_of_its_run(row)}

    def some_attempts(self, outcomes: Iterable[Outcome]) -> list[Attempt]:
        """The attempts with one of these outcomes, in the order in which they began."""
        return [attempt_of(row) for row in self._some("attempts", "outcome", outcomes)]

    def ended_after(self, moment: str) -> int:
        """How many runs got a result after a moment, ISO 8601 in UTC; for people."""
        query = "SELECT count(*) FROM attempts WHERE outcome IN ('done', 'diverged') AND ended >= ?"
        with one_line_errors(self.path):
            return int(self._connection.execute(query, (moment,)).fetchone()[0])

    def plan(self, planned: Iterable[Planned]) -> None:
        """Record runs as needed; those already recorded stay as they are."""
        rows = [row_of(item) for item in planned]
        with one_line_errors(self.path), transaction(self._connection):
            self._connection.executemany(
                "INSERT INTO planned VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows
            )
            seal(self._connection, "planned", [row[0] for row in rows])

    def begin_attempt(self, identity: str) -> Attempt:
        """Open the next attempt at a planned run; its number is one more than the last."""
        with one_line_errors(self.path), transaction(self._connection):
            (last,) = self._connection.execute(
                "SELECT coalesce(max(number), 0) FROM attempts WHERE run_id = ?", (identity,)
            ).fetchone()
            number = 1 + max(last, self._last_folder(identity))
            attempt = Attempt(run_id=identity, number=number, started=now())
            self._connection.execute(
                "INSERT INTO attempts (run_id, number, started) VALUES (?, ?, ?)",
                (identity, attempt.number, attempt.started),
            )
            seal(self._connection, "attempts", [identity])
        return attempt

    def end_attempt(self, attempt: Attempt, outcome: Outcome, reason: str = "") -> None:
        """Close an attempt that left no result; one that is already closed stays as it is."""
        with one_line_errors(self.path), transaction(self._connection):
            self._close_attempt(attempt, outcome, reason)

    def commit(self, result: RunResult, attempt: Attempt) -> bool:
        """Commit the result of an attempt in one transaction; the first commit of a run wins.

        Returns:
            Whether this result is now the run's. False for a zombie: the run has a result already,
            or the attempt had been given up; nothing is changed but the attempt's outcome.

        Raises:
            UserError: a number of the result is not finite.
        """
        text = canonical_json(result)
        with one_line_errors(self.path), transaction(self._connection):
            won = self._is_open(attempt) and not self._has_result(attempt.run_id)
            if won:
                self._connection.execute(
                    "INSERT INTO results VALUES (?, ?, ?, ?)",
                    (attempt.run_id, attempt.number, result.state, text),
                )
                seal(self._connection, "results", [attempt.run_id])
            self._close_attempt(attempt, result.state if won else "refused", result.reason)
        return won

    def forget_failed(self, identities: Iterable[str] | None = None) -> int:
        """Drop `failed` results and the blame of their attempts, so that they are tried again.

        Args:
            identities: Of which runs; by default of all.

        Returns:
            How many results were dropped.
        """
        if identities is None:
            rows = self._read("SELECT run_id FROM results WHERE state = 'failed'")
            identities = [row[0] for row in rows]
        dropped = 0
        with one_line_errors(self.path), transaction(self._connection):
            for identity in identities:
                gone = self._connection.execute(
                    "DELETE FROM results WHERE state = 'failed' AND run_id = ?", (identity,)
                ).rowcount
                if gone:
                    unseal(self._connection, "results", [(identity,)])
                dropped += gone
                self._connection.execute(
                    "UPDATE attempts SET outcome = 'interrupted'"
                    " WHERE outcome IN ('lost', 'failed') AND run_id = ?",
                    (identity,),
                )
                seal(self._connection, "attempts", [identity])
        return dropped

    def run_folder(self, identity: str) -> Path:
        """Where the attempts of a run keep their files."""
        return self.folder / "runs" / short(identity)

    def weights_folder(self, identity: str) -> Path:
        """Where a run's last checkpoint stays, if it was to be kept; like that of one training."""
        return self.folder / "weights" / short(identity)

    @property
    def scores_folder(self) -> Path:
        """Where the runs' scores on downstream tasks lie; they outlive the weights."""
        return self.folder / SCORES

    def attempt_folder(self, attempt: Attempt) -> Path:
        """The folder of one attempt, which no other attempt ever writes."""
        return self.run_folder(attempt.run_id) / f"attempt-{attempt.number}"

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        with one_line_errors(self.path):
            return self._connection.execute(query).fetchall()

    def _rows(self, table: str) -> list[tuple[Any, ...]]:
        """The rows of a table that are what was written; the others are told of once."""
        with one_line_errors(self.path):
            rows, damaged = read(self._connection, table)
        self._tell_damage(table, damaged)
        return rows

    def _some(self, table: str, column: str, values: Iterable[str]) -> list[tuple[Any, ...]]:
        with one_line_errors(self.path):
            return read_some(self._connection, table, column, values)

    def _sound(self, rows: list[tuple[Any, ...]], known: Container[str]) -> dict[str, RunResult]:
        """The results that are those of a planned run."""
        read = [(row[0], result_of(row)) for row in rows]
        sound = {key: one for key, one in read if one is not None and key in known}
        self._tell_damage("results", [key for key, _ in read if key not in sound])
        return sound

    def _planned_rows(self) -> list[tuple[Any, ...]]:
        """Those whose spec is that of their run id: it is the hash of the spec's text."""
        rows = self._rows("planned")
        sound = [row for row in rows if is_of_its_run(row)]
        self._tell_damage("planned", {row[0] for row in rows} - {row[0] for row in sound})
        return sound

    def _tell_damage(self, table: str, keys: Iterable[str]) -> None:
        for key in sorted(set(keys) - self._damaged[table]):
            self._damaged[table].add(key)
            meaning = f"; {_MEANING[table]}" if table in _MEANING else ""
            _LOG.warning("%s: a row of %s (%.12s) is damaged%s", self.path, table, key, meaning)

    def _mend(self) -> Contents:
        """Remove what is damaged, so that it is done again; hash what an older Bestiary wrote."""
        with one_line_errors(self.path), transaction(self._connection):
            if _schema.upgrade(self._connection):
                _LOG.warning(
                    "%s was written by an older Bestiary, without hashes; its rows are taken as "
                    "they are",
                    self.path,
                )
        found = self.contents()
        if any(self._damaged.values()):
            kept = {
                "planned": set(found.planned),
                "results": set(found.results),
                "attempts": {f"{one.run_id}/{one.number}" for one in found.attempts},
            }
            with one_line_errors(self.path):
                remove_damaged(self._connection, kept)
        return found

    def _last_folder(self, identity: str) -> int:
        """The highest number of an attempt that has files: its row may have been lost."""
        folders = self.run_folder(identity).glob("attempt-*")
        numbers = (path.name.removeprefix("attempt-") for path in folders)
        own = (int(number) for number in numbers if number.isdecimal() and len(number) < _DIGITS)
        return max(own, default=0)

    def _is_open(self, attempt: Attempt) -> bool:
        row = self._connection.execute(
            "SELECT outcome FROM attempts WHERE run_id = ? AND number = ?",
            (attempt.run_id, attempt.number),
        ).fetchone()
        return row == ("running",)

    def _has_result(self, identity: str) -> bool:
        query = "SELECT 1 FROM results WHERE run_id = ?"
        return self._connection.execute(query, (identity,)).fetchone() is not None

    def _close_attempt(self, attempt: Attempt, outcome: str, reason: str) -> None:
        self._connection.execute(
            "UPDATE attempts SET ended = ?, outcome = ?, reason = ?"
            " WHERE run_id = ? AND number = ? AND outcome = 'running'",
            (now(), outcome, reason, attempt.run_id, attempt.number),
        )
        seal(self._connection, "attempts", [attempt.run_id])

    def _close_orphans(self, attempts: list[Attempt]) -> list[Attempt]:
        """Close those that a driver left running; all attempts as they are then."""
        closed = {"ended": now(), "outcome": "interrupted", "reason": "the driver was gone"}
        after = [
            msgspec.structs.replace(one, **closed) if one.outcome == "running" else one
            for one in attempts
        ]
        with one_line_errors(self.path), transaction(self._connection):
            for one in (one for one in attempts if one.outcome == "running"):
                self._close_attempt(one, closed["outcome"], closed["reason"])
        return after
