"""The tables of a study file, and which versions of them can be read."""

import sqlite3

from bestiary.errors import UserError
from bestiary.store._seals import COLUMNS, TABLE, has_seals, seal

VERSION = 2

# `attempts.ended` is '' while an attempt runs. `results` has one row per run: the primary key is
# what makes "exactly one result" true, whatever workers, zombies and drivers do.
TABLES = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) STRICT;
CREATE TABLE planned (
    run_id TEXT PRIMARY KEY,
    optimizer TEXT NOT NULL,
    size TEXT NOT NULL,
    ratio REAL NOT NULL,
    purpose TEXT NOT NULL,
    configuration TEXT NOT NULL,
    spec TEXT NOT NULL
) STRICT;
CREATE TABLE attempts (
    run_id TEXT NOT NULL REFERENCES planned,
    number INTEGER NOT NULL,
    started TEXT NOT NULL,
    ended TEXT NOT NULL DEFAULT '',
    outcome TEXT NOT NULL DEFAULT 'running',
    reason TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (run_id, number)
) STRICT;
CREATE TABLE results (
    run_id TEXT PRIMARY KEY REFERENCES planned,
    attempt INTEGER NOT NULL,
    state TEXT NOT NULL,
    result TEXT NOT NULL
) STRICT;
"""


def version(connection: sqlite3.Connection) -> int:
    """The schema version of an open file; 0 where no tables were laid yet."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def lay(connection: sqlite3.Connection) -> None:
    """Create the tables of this version, inside the caller's transaction."""
    # Not executescript: that would commit the transaction in which the study is created whole.
    for statement in (*TABLES.split(";"), TABLE):
        if statement.strip():
            connection.execute(statement)
    connection.execute(f"PRAGMA user_version = {VERSION}")


def upgrade(connection: sqlite3.Connection) -> bool:
    """Bring a file of schema 1 to this version, inside the caller's transaction.

    Returns:
        Whether it was one: its rows have been taken as they are.
    """
    if has_seals(connection):
        return False
    connection.execute(TABLE)
    for table in COLUMNS:
        seal(connection, table)
    connection.execute(f"PRAGMA user_version = {VERSION}")
    return True


def refuse_newer(found: int, path: object) -> None:
    """Refuse a file that a newer Bestiary wrote: its meaning is not known here.

    Raises:
        UserError: the file's schema version is above `VERSION`.
    """
    if found > VERSION:
        raise UserError(
            f"{path} has schema {found}, this Bestiary reads up to {VERSION}; "
            "use the newer Bestiary that wrote it"
        )
