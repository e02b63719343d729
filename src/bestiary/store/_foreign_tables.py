"""Foreign results in the study's SQLite file: own tables, with a schema version of their own."""

import contextlib
import json
import os
import sqlite3
import tempfile
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import msgspec

from bestiary.errors import UserError
from bestiary.store import _schema
from bestiary.store._connection import connect, one_line_errors, transaction
from bestiary.store._foreign import ForeignImport, ForeignResult, ImportOrigin, TargetLoss
from bestiary.store._study import FILE

# 2: results may carry a loss curve, and the baseline of an import is kept.
# 3: results may carry the seconds of a step.
# 4: an import may have a target loss, and its results what it took to reach it.
VERSION = 4
_BASELINE = "baseline TEXT NOT NULL DEFAULT 'adamw'"
_TARGET = "target TEXT NOT NULL DEFAULT ''"
_TABLES = (
    "CREATE TABLE foreign_schema (version INTEGER NOT NULL) STRICT",
    f"""CREATE TABLE foreign_sources (
        source TEXT PRIMARY KEY,
        digest TEXT NOT NULL,
        imported TEXT NOT NULL,
        origin TEXT NOT NULL,
        notes TEXT NOT NULL,
        {_BASELINE},
        {_TARGET}
    ) STRICT""",
    """CREATE TABLE foreign_results (
        source TEXT NOT NULL REFERENCES foreign_sources,
        position INTEGER NOT NULL,
        optimizer TEXT NOT NULL,
        size TEXT NOT NULL,
        ratio REAL,
        result TEXT NOT NULL,
        PRIMARY KEY (source, position)
    ) STRICT""",
)


def import_into(folder: Path, imported: ForeignImport) -> int:
    """Keep an import in a folder's study file, which is made where there is none.

    All of it or nothing, in one transaction; the same content again adds nothing.

    Returns:
        How many results were added.

    Raises:
        UserError: other content under the same source name, or a file of a newer schema.
        BestiaryError: the file cannot be written.
    """
    path = folder / FILE
    with one_line_errors(path):
        if path.exists():
            return _write(path, imported)
        made = not folder.exists()
        folder.mkdir(parents=True, exist_ok=True)
        try:
            return _write_new(path, imported)
        except BaseException:
            if made:
                with contextlib.suppress(OSError):  # another process put something there
                    folder.rmdir()
            raise


def foreign_imports(folder: Path) -> tuple[ForeignImport, ...]:
    """Every import kept in a folder, in order of source; empty where there is none.

    Raises:
        UserError: a file of a newer schema.
        BestiaryError: the file cannot be read.
    """
    path = folder / FILE
    if not path.is_file():
        return ()
    with one_line_errors(path), contextlib.closing(connect(path, read_only=True)) as connection:
        version = _version(connection, path)
        if not version:
            return ()
        heads = connection.execute(f"{_heads(version)} ORDER BY source").fetchall()
        return tuple(_load(connection, *head) for head in heads)


def _heads(version: int) -> str:
    """What selects the sources in tables of a version."""
    baseline = "baseline" if version > 1 else "'adamw'"
    target = "target" if version > 3 else "''"
    return f"SELECT source, origin, notes, {baseline}, {target} FROM foreign_sources"


def _write_new(path: Path, imported: ForeignImport) -> int:
    """Write a file aside and put it in its place whole: whatever happens, no half file is seen."""
    with tempfile.TemporaryDirectory(prefix=".import-", dir=path.parent) as aside:
        whole = Path(aside) / FILE
        whole.touch()
        added = _write(whole, imported)
        try:
            os.link(whole, path)
        except OSError:  # another process was faster, or this file system knows no links
            path.touch()
            return _write(path, imported)
        return added


def _write(path: Path, imported: ForeignImport) -> int:
    with contextlib.closing(connect(path)) as connection, transaction(connection):
        return _add(connection, path, imported)


def _add(connection: sqlite3.Connection, path: Path, imported: ForeignImport) -> int:
    if not (version := _version(connection, path)):
        for table in _TABLES:
            connection.execute(table)
        connection.execute("INSERT INTO foreign_schema VALUES (?)", (VERSION,))
    source = imported.origin.source
    digest = sha256(msgspec.json.encode(imported)).hexdigest()
    query = "SELECT digest FROM foreign_sources WHERE source = ?"
    kept = connection.execute(query, (source,)).fetchone()
    # Written by an older Bestiary the same content has another digest.
    if kept and kept[0] != digest and _kept(connection, version, source) != imported:
        raise UserError(
            f"a source name stands for one content, but {source!r} is already kept with another; "
            "import under another source name"
        )
    if kept:
        return 0
    for since, column in ((2, _BASELINE), (4, _TARGET)):
        if 0 < version < since:
            connection.execute(f"ALTER TABLE foreign_sources ADD COLUMN {column}")
    if version < VERSION:
        connection.execute("UPDATE foreign_schema SET version = ?", (VERSION,))
    _insert(connection, digest, imported)
    return len(imported.results)


def _insert(connection: sqlite3.Connection, digest: str, imported: ForeignImport) -> None:
    source = imported.origin.source
    origin = msgspec.json.encode(imported.origin).decode()
    now = datetime.now(UTC).isoformat(timespec="seconds")
    target = msgspec.json.encode(imported.target).decode() if imported.target else ""
    connection.execute(
        "INSERT INTO foreign_sources VALUES (?, ?, ?, ?, ?, ?, ?)",
        (source, digest, now, origin, json.dumps(imported.notes), imported.baseline, target),
    )
    connection.executemany(
        "INSERT INTO foreign_results VALUES (?, ?, ?, ?, ?, ?)",
        (
            (source, at, row.optimizer, row.size, row.ratio, msgspec.json.encode(row).decode())
            for at, row in enumerate(imported.results)
        ),
    )


def _version(connection: sqlite3.Connection, path: Path) -> int:
    """The version of the foreign tables, 0 where there are none; newer ones are refused."""
    _schema.refuse_newer(_schema.version(connection), path)
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'foreign_schema'"
    if not connection.execute(query).fetchone():
        return 0
    (found,) = connection.execute("SELECT version FROM foreign_schema").fetchone()
    if found > VERSION:
        raise UserError(
            f"{path} has foreign results of schema {found}, this Bestiary reads up to {VERSION}; "
            "use the newer Bestiary that wrote it"
        )
    return int(found)


def _kept(connection: sqlite3.Connection, version: int, source: str) -> ForeignImport:
    """What is kept under the name of a source."""
    head = connection.execute(f"{_heads(version)} WHERE source = ?", (source,)).fetchone()
    return _load(connection, *head)


def _load(
    connection: sqlite3.Connection,
    source: str,
    origin: str,
    notes: str,
    baseline: str,
    target: str,
) -> ForeignImport:
    query = "SELECT result FROM foreign_results WHERE source = ? ORDER BY position"
    rows = connection.execute(query, (source,))
    return ForeignImport(
        origin=msgspec.json.decode(origin, type=ImportOrigin),
        baseline=baseline,
        target=msgspec.json.decode(target, type=TargetLoss) if target else None,
        results=tuple(msgspec.json.decode(row, type=ForeignResult) for (row,) in rows),
        notes=tuple(json.loads(notes)),
    )
