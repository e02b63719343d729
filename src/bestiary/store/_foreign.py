"""Foreign results: other people's runs as records, with where each one comes from.

A foreign result never becomes a `RunResult`: nobody here trained it. It keeps its source, file and
row, and lies in tables of its own in the study's SQLite file.
"""

import datetime
import hashlib
import json
import sqlite3
from pathlib import Path
from typing import Any, Literal

import msgspec

from bestiary.errors import BestiaryError, UserError
from bestiary.specs import Setting, Spec

FILE = "study.sqlite"
FOREIGN_SCHEMA = 1
_TABLES = """
CREATE TABLE IF NOT EXISTS foreign_schema (version INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS foreign_sources (
    source TEXT PRIMARY KEY, digest TEXT NOT NULL, imported TEXT NOT NULL, record TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS foreign_results (
    source TEXT NOT NULL REFERENCES foreign_sources (source),
    position INTEGER NOT NULL,
    optimizer TEXT NOT NULL,
    size TEXT NOT NULL,
    ratio REAL,
    record TEXT NOT NULL,
    PRIMARY KEY (source, position)
);
"""


class Origin(Spec, frozen=True, kw_only=True):
    """Where foreign results come from.

    Attributes:
        source: The short name under which they are kept, for instance `"fantastic2025"`.
        url: Where the files can be had.
        commit: The revision of that place.
        licence: What the files may be used for; `"unknown"` is an honest answer.
    """

    source: str
    url: str = ""
    commit: str = ""
    licence: str = "unknown"


class ForeignResult(Spec, frozen=True, kw_only=True):
    """One result somebody else published.

    Attributes:
        kind: `run` (one training), `reported` (a value stated for a cell, whose run may be
            unknown), `pair` (a final training and validation loss, without a cell).
        state: `done`, `diverged` (ranked worst), `unfinished` (no loss).
        loss: Validation loss in nats per token; None unless done.
        train_loss: Training loss in nats per token, where stated.
        size: Model size by name; empty where not stated.
        ratio: Tokens over 20 N, where stated.
        settings: Hyperparameters as published.
        tags: What else the source says of it, for instance its phase.
        file: File name inside the source.
        row: Row of that file: line for CSV (the header is 1) and JSON lines, item for JSON.
    """

    kind: Literal["run", "reported", "pair"] = "run"
    optimizer: str
    size: str = ""
    ratio: float | None = None
    state: Literal["done", "diverged", "unfinished"] = "done"
    loss: float | None = None
    train_loss: float | None = None
    seed: int | None = None
    steps: int | None = None
    tokens: int | None = None
    settings: dict[str, Setting] = {}
    tags: dict[str, str] = {}
    file: str
    row: int


class ForeignImport(Spec, frozen=True, kw_only=True):
    """What one import read: the origin, the results in file order, and what a reader must know."""

    origin: Origin
    results: tuple[ForeignResult, ...]
    notes: tuple[str, ...] = ()


def import_into(folder: Path, imported: ForeignImport) -> int:
    """Keep an import in a folder's SQLite file; returns how many results were added.

    All or nothing, in one transaction. The same content again adds nothing.

    Raises:
        UserError: another content under the same source name, or tables of a newer schema.
        BestiaryError: the file cannot be written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        connection = sqlite3.connect(folder / FILE, isolation_level=None)
    except (OSError, sqlite3.Error) as error:
        raise BestiaryError(f"cannot open {folder / FILE}: {error}") from None
    try:
        return _save(connection, imported)
    except sqlite3.Error as error:
        raise BestiaryError(f"cannot write {folder / FILE}, nothing was added: {error}") from None
    finally:
        connection.close()


def foreign_imports(folder: Path) -> tuple[ForeignImport, ...]:
    """Every import kept in a folder, in order of source; empty where there is none.

    Raises:
        UserError: tables of a newer schema.
    """
    if not (folder / FILE).is_file():
        return ()
    connection = sqlite3.connect(f"file:{folder / FILE}?mode=ro", uri=True)
    try:
        if not _version(connection):
            return ()
        heads = connection.execute("SELECT record FROM foreign_sources ORDER BY source").fetchall()
        return tuple(_load(connection, head) for (head,) in heads)
    except sqlite3.Error as error:
        raise BestiaryError(f"cannot read {folder / FILE}: {error}") from None
    finally:
        connection.close()


def _save(connection: sqlite3.Connection, imported: ForeignImport) -> int:
    _version(connection)
    head = _json(imported.origin, list(imported.notes))
    rows = [msgspec.json.encode(result).decode() for result in imported.results]
    digest = hashlib.sha256("\n".join([head, *rows]).encode()).hexdigest()
    source = imported.origin.source
    connection.execute("BEGIN IMMEDIATE")
    try:
        if _already_there(connection, source, digest):
            connection.execute("ROLLBACK")
            return 0
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        connection.execute(
            "INSERT INTO foreign_sources VALUES (?, ?, ?, ?)", (source, digest, now, head)
        )
        connection.executemany(
            "INSERT INTO foreign_results VALUES (?, ?, ?, ?, ?, ?)",
            (
                (source, position, result.optimizer, result.size, result.ratio, row)
                for position, (result, row) in enumerate(zip(imported.results, rows, strict=True))
            ),
        )
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return len(rows)


def _already_there(connection: sqlite3.Connection, source: str, digest: str) -> bool:
    """Whether this very import is kept; creates the tables on the first import."""
    for statement in _TABLES.split(";"):
        connection.execute(statement)
    if not connection.execute("SELECT 1 FROM foreign_schema").fetchone():
        connection.execute("INSERT INTO foreign_schema VALUES (?)", (FOREIGN_SCHEMA,))
    kept = connection.execute(
        "SELECT digest FROM foreign_sources WHERE source = ?", (source,)
    ).fetchone()
    if kept and kept[0] != digest:
        raise UserError(
            f"a source is imported once, but {source!r} is kept with other content; "
            "give this one another source name"
        )
    return bool(kept)


def _version(connection: sqlite3.Connection) -> int:
    """The schema version of the foreign tables, 0 where there are none."""
    found = connection.execute(
        "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'foreign_schema'"
    ).fetchone()
    if not found:
        return 0
    (version,) = connection.execute("SELECT max(version) FROM foreign_schema").fetchone()
    if version > FOREIGN_SCHEMA:
        raise UserError(
            f"foreign results must be of schema {FOREIGN_SCHEMA} or older, got {version}; "
            "use a newer bestiary"
        )
    return int(version)


def _load(connection: sqlite3.Connection, head: str) -> ForeignImport:
    stated = json.loads(head)
    origin = msgspec.convert(stated["origin"], Origin)
    rows = connection.execute(
        "SELECT record FROM foreign_results WHERE source = ? ORDER BY position", (origin.source,)
    )
    results = tuple(msgspec.json.decode(row, type=ForeignResult) for (row,) in rows)
    return ForeignImport(origin=origin, results=results, notes=tuple(stated["notes"]))


def _json(origin: Origin, notes: list[str]) -> str:
    plain: dict[str, Any] = {"origin": msgspec.to_builtins(origin), "notes": notes}
    return json.dumps(plain, sort_keys=True)
