"""Which results a store held at some moment, told without reading them."""

import sqlite3

from bestiary.specs import Spec
from bestiary.store._seals import Row, after, newest

_TABLE = "results"


class ResultsMark(Spec, frozen=True, kw_only=True):
    """The results of a store at one moment.

    Attributes:
        results: How many.
        last: The number of the newest row; 0 without any.
        seal: The hash of that row.
    """

    results: int
    last: int
    seal: str


def mark_of(connection: sqlite3.Connection) -> ResultsMark:
    """What the store holds now."""
    count, last, seal = newest(connection, _TABLE)
    return ResultsMark(results=count, last=last, seal=seal)


def rows_since(connection: sqlite3.Connection, mark: ResultsMark) -> list[Row] | None:
    """The results that came after a mark; None where others were changed, or it is not its store.

    In one transaction, so that a writer cannot come between.
    """
    connection.execute("BEGIN")
    try:
        seal, rows = after(connection, _TABLE, mark.last)
        count, _, _ = newest(connection, _TABLE)
    finally:
        connection.execute("COMMIT")
    return rows if (seal, count) == (mark.seal, mark.results + len(rows)) else None
