"""A study folder: one SQLite file with the study, its planned runs, attempts and results."""

import contextlib
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Self

import msgspec

from bestiary.errors import UserError
from bestiary.specs import (
    DataSpec,
    Planned,
    RunResult,
    Study,
    canonical_json,
    checked,
)
from bestiary.store._attempt import Attempt, Outcome
from bestiary.store._connection import connect, one_line_errors, transaction
from bestiary.store._difference import difference
from bestiary.store._file import FILE as FILE
from bestiary.store._file import holds_study, lay, now, ordered_json
from bestiary.store._lock import DriverLock, driver
from bestiary.store._older import as_older, is_older, read_study
from bestiary.store._places import short
from bestiary.store._planned import COLUMNS as PLANNED
from bestiary.store._planned import planned_of, row_of

LOCK = "driver.lock"


def _called_as(held: Study, study: Study) -> Study:
    """The study with what is no part of the question as another has it.

    A corpus is its digest, whatever it is called; and one of an older schema goes on in its own.
    """
    data = DataSpec(name=held.data.name, digest=study.data.digest)
    return msgspec.structs.replace(study, data=data, schema=held.schema)


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
        self.study = read_study(self.meta()["study"])

    @classmethod
    def create(cls, folder: str | Path, study: Study, *, command: str = "") -> Self:
        """Create a study folder, or go on with it where it already holds this very study.

        Args:
            folder: Where; made if it is not there.
            study: The question. It cannot be changed afterwards.
            command: What the user typed, for the report.

        Raises:
            UserError: the folder holds another study or one of a newer schema, or is not writable.
        """
        folder = Path(folder)
        if not holds_study(folder / FILE):
            with one_line_errors(folder / FILE):
                lay(folder, study, ordered_json(study), command)
        store = cls.open(folder)
        held = store.study
        study = _called_as(held, study)
        # Not the text that is stored: an older Bestiary did not write every field.
        asked = checked(study)
        if is_older(store.meta()["study"]):
            asked = as_older(asked)
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
        with one_line_errors(path):
            return cls(folder, connect(path, read_only=read_only))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()

    @contextlib.contextmanager
    def driving(self) -> Iterator[None]:
        """Be the one driver of this study; attempts of a driver that died are closed first.

        Raises:
            UserError: another driver works on this study.
        """
        with one_line_errors(self.path):
            lock = DriverLock(self.folder / LOCK)
        try:
            self._close_orphans()
            yield
        finally:
            lock.release()

    def driver(self) -> str:
        """Who drives the study now, for instance `process 812 on laptop`; empty for nobody."""
        return driver(self.folder / LOCK)

    def meta(self) -> dict[str, str]:
        """What is known of the study file: `study`, `digest`, `command`, `created`."""
        return dict(self._read("SELECT key, value FROM meta"))

    def results(self) -> dict[str, RunResult]:
        """Every committed result by run id."""
        rows = self._read("SELECT run_id, result FROM results ORDER BY rowid")
        return {identity: msgspec.json.decode(text, type=RunResult) for identity, text in rows}

    def planned(self) -> dict[str, Planned]:
        """Every run that was ever needed, by run id, in the order in which it was planned."""
        rows = self._read(f"SELECT {PLANNED} FROM planned ORDER BY rowid")
        return {row[0]: planned_of(row) for row in rows}

    def attempts(self) -> list[Attempt]:
        """Every attempt, in the order in which they began."""
        rows = self._read(
            "SELECT run_id, number, started, ended, outcome, reason FROM attempts ORDER BY rowid"
        )
        return [Attempt(**dict(zip(Attempt.__struct_fields__, row, strict=True))) for row in rows]

    def plan(self, planned: Iterable[Planned]) -> None:
        """Record runs as needed; those already recorded stay as they are."""
        rows = [row_of(item) for item in planned]
        with one_line_errors(self.path), transaction(self._connection):
            self._connection.executemany(
                "INSERT INTO planned VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING", rows
            )

    def begin_attempt(self, identity: str) -> Attempt:
        """Open the next attempt at a planned run; its number is one more than the last."""
        with one_line_errors(self.path), transaction(self._connection):
            (last,) = self._connection.execute(
                "SELECT coalesce(max(number), 0) FROM attempts WHERE run_id = ?", (identity,)
            ).fetchone()
            attempt = Attempt(run_id=identity, number=last + 1, started=now())
            self._connection.execute(
                "INSERT INTO attempts (run_id, number, started) VALUES (?, ?, ?)",
                (identity, attempt.number, attempt.started),
            )
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
                dropped += self._connection.execute(
                    "DELETE FROM results WHERE state = 'failed' AND run_id = ?", (identity,)
                ).rowcount
                self._connection.execute(
                    "UPDATE attempts SET outcome = 'interrupted'"
                    " WHERE outcome IN ('lost', 'failed') AND run_id = ?",
                    (identity,),
                )
        return dropped

    def run_folder(self, identity: str) -> Path:
        """Where the attempts of a run keep their files."""
        return self.folder / "runs" / short(identity)

    def attempt_folder(self, attempt: Attempt) -> Path:
        """The folder of one attempt, which no other attempt ever writes."""
        return self.run_folder(attempt.run_id) / f"attempt-{attempt.number}"

    def _read(self, query: str) -> list[tuple[Any, ...]]:
        with one_line_errors(self.path):
            return self._connection.execute(query).fetchall()

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

    def _close_orphans(self) -> None:
        with one_line_errors(self.path), transaction(self._connection):
            self._connection.execute(
                "UPDATE attempts SET ended = ?, outcome = 'interrupted', reason = ?"
                " WHERE outcome = 'running'",
                (now(), "the driver was gone"),
            )
