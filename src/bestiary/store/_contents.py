"""What a study holds, as its tables' rows and as runs, results and attempts."""

from collections.abc import Container
from typing import Any, NamedTuple

import msgspec

from bestiary.specs import Planned, RunResult
from bestiary.store._attempt import Attempt


class Contents(NamedTuple):
    """What a study holds: planned runs and results by run id, and every attempt as it began."""

    planned: dict[str, Planned]
    results: dict[str, RunResult]
    attempts: list[Attempt]


def attempts_at(known: Container[str], rows: list[tuple[Any, ...]]) -> list[Attempt]:
    """The attempts at known runs, from the rows of their table."""
    return [attempt_of(row) for row in rows if row[0] in known]


def attempt_of(row: tuple[Any, ...]) -> Attempt:
    """The attempt of a row of its table."""
    return Attempt(**dict(zip(Attempt.__struct_fields__, row, strict=True)))


def result_of(row: tuple[Any, ...]) -> RunResult | None:
    """The result of a row of its table; None where it is not one of its run."""
    try:
        result = msgspec.json.decode(row[-1], type=RunResult)
    except (msgspec.DecodeError, UnicodeError):
        return None
    return result if (result.run_id, result.state) == (row[0], row[2]) else None
