"""A hash for every row, so that a flipped bit or an edit by hand is never read as data.

A row whose hash is missing or another, or that is not where its hash is, counts as not there. A
file of schema 1 has no hashes; they are laid when its next driver starts.
"""

import hashlib
import sqlite3
from collections.abc import Iterable, Mapping, Set
from json.encoder import encode_basestring_ascii
from typing import Any

from bestiary.store._connection import transaction

TABLE = "CREATE TABLE seals (name TEXT PRIMARY KEY, sha256 TEXT NOT NULL) STRICT"
# The columns of each table, its key first.
COLUMNS = {
    "meta": ("key", "value"),
    "planned": ("run_id", "optimizer", "size", "ratio", "purpose", "configuration", "spec"),
    "attempts": ("run_id", "number", "started", "ended", "outcome", "reason"),
    "results": ("run_id", "attempt", "state", "result"),
}
Row = tuple[Any, ...]
# Values that one query asks for; older SQLite takes 999.
_AT_ONCE = 900


def has_seals(connection: sqlite3.Connection) -> bool:
    """Whether the file has hashes: an older Bestiary wrote none."""
    query = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'seals'"
    return connection.execute(query).fetchone() is not None


def seal(connection: sqlite3.Connection, table: str, keys: Iterable[str] | None = None) -> None:
    """Lay the hashes of the rows of these keys as they are now, inside the caller's transaction.

    Args:
        connection: An open study file.
        table: A name of `COLUMNS`.
        keys: Values of its first column; by default all.
    """
    if not has_seals(connection):
        return
    columns = COLUMNS[table]
    query = f"SELECT {', '.join(columns)} FROM {table}"
    if keys is None:
        rows = connection.execute(query).fetchall()
    else:
        one = f"{query} WHERE {columns[0]} = ?"
        rows = [row for key in keys for row in connection.execute(one, (key,)).fetchall()]
    connection.executemany(
        "INSERT INTO seals VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET sha256 = excluded.sha256",
        [(_name(table, row), _hash(table, row)) for row in rows],
    )


def unseal(connection: sqlite3.Connection, table: str, rows: Iterable[Row]) -> None:
    """Drop the hashes of rows that are deleted."""
    names = [(_name(table, row),) for row in rows]
    connection.executemany("DELETE FROM seals WHERE name = ?", names)


def read(connection: sqlite3.Connection, table: str) -> tuple[list[Row], list[str]]:
    """The rows of a table that are what was written, in order, and the keys of those that are not.

    In one transaction, so that a writer cannot come between the rows and their hashes.
    """
    columns = COLUMNS[table]
    began = not connection.in_transaction
    if began:
        connection.execute("BEGIN")
    try:
        query = f"SELECT {', '.join(columns)} FROM {table} ORDER BY rowid"
        rows = connection.execute(query).fetchall()
        if not has_seals(connection):
            return rows, []
        if table == "meta" and len(_sound(connection, table, rows)) == len(rows):
            return rows, []  # without a look at the hashes of all other tables
        # Not by the index: where that is damaged, the rows and their hashes may still be sound.
        found = connection.execute(
            "SELECT name, sha256 FROM seals NOT INDEXED WHERE name >= ? AND name < ?",
            (f"{table}/", f"{table}0"),
        )
        seals = dict(found.fetchall())
    finally:
        if began:
            connection.execute("COMMIT")
    intact = [row for row in rows if seals.get(_name(table, row)) == _hash(table, row)]
    once = {_name(table, row): row for row in intact}  # a damaged page may show a row twice
    expected = {str(name) for name in seals if str(name).startswith(f"{table}/")}
    wrong = ({_name(table, row) for row in rows} | expected) - set(once)
    return list(once.values()), sorted(name.removeprefix(f"{table}/") for name in wrong)


def read_some(
    connection: sqlite3.Connection, table: str, column: str, values: Iterable[Any]
) -> list[Row]:
    """The rows of a table with one of some values that are what was written, in order.

    It costs what it finds and not the table, so a reader can ask while the table is large.
    """
    wanted = list(dict.fromkeys(values))
    rows: dict[int, Row] = {}
    for start in range(0, len(wanted), _AT_ONCE):
        some = wanted[start : start + _AT_ONCE]
        query = f"SELECT rowid, {', '.join(COLUMNS[table])} FROM {table}"
        query += f" WHERE {column} IN ({', '.join('?' * len(some))})"
        rows |= {row[0]: row[1:] for row in connection.execute(query, some)}
    return _sound(connection, table, [row for _, row in sorted(rows.items())])


def newest(connection: sqlite3.Connection, table: str) -> tuple[int, int, str]:
    """How many rows a table has, the number of the last and its hash; 0 and nothing without any."""
    (count,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    query = f"SELECT rowid, {', '.join(COLUMNS[table])} FROM {table} ORDER BY rowid DESC LIMIT 1"
    number, *row = connection.execute(query).fetchone() or (0,)
    return count, number, _hash(table, tuple(row)) if row else ""


def after(connection: sqlite3.Connection, table: str, number: int) -> tuple[str, list[Row]]:
    """The hash of the row of a number, nothing where it is gone, and the rows that follow it."""
    query = f"SELECT rowid, {', '.join(COLUMNS[table])} FROM {table} WHERE rowid >= ?"
    rows = {row[0]: row[1:] for row in connection.execute(f"{query} ORDER BY rowid", (number,))}
    first = rows.pop(number, ())
    return _hash(table, first) if first else "", list(rows.values())


def remove_damaged(connection: sqlite3.Connection, kept: Mapping[str, Set[str]]) -> None:
    """Delete every row, and every hash, that is not of the names to keep.

    Args:
        connection: An open study file.
        kept: For each table that is cleaned, the keys of its sound rows.
    """
    connection.execute("PRAGMA foreign_keys = OFF")
    try:
        with transaction(connection):
            for table, keys in kept.items():
                _remove(connection, table, keys)
    finally:
        connection.execute("PRAGMA foreign_keys = ON")


def _remove(connection: sqlite3.Connection, table: str, keys: Set[str]) -> None:
    columns = ", ".join(COLUMNS[table])
    for number, *row in connection.execute(f"SELECT rowid, {columns} FROM {table}").fetchall():
        if _name(table, tuple(row)).removeprefix(f"{table}/") not in keys:
            connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (number,))
    for number, name in connection.execute("SELECT rowid, name FROM seals").fetchall():
        if name.startswith(f"{table}/") and name.removeprefix(f"{table}/") not in keys:
            connection.execute("DELETE FROM seals WHERE rowid = ?", (number,))


def _sound(connection: sqlite3.Connection, table: str, rows: list[Row]) -> list[Row]:
    """Those of a few rows that are what was written."""
    if not has_seals(connection):
        return rows
    query = "SELECT sha256 FROM seals WHERE name = ?"
    laid = [connection.execute(query, (_name(table, row),)).fetchone() for row in rows]
    return [row for row, one in zip(rows, laid, strict=True) if one == (_hash(table, row),)]


def _name(table: str, row: Row) -> str:
    key = f"{row[0]}/{row[1]}" if table == "attempts" else str(row[0])
    return f"{table}/{key}"


def _hash(table: str, row: Row) -> str:
    # As `json.dumps` writes a list of texts, in half of its time: every reading hashes every row.
    text = f"[{', '.join(map(encode_basestring_ascii, (table, *map(str, row))))}]"
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
