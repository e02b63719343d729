"""How far a study is, as one record: what `status --json` prints, and its server answers."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec

from bestiary.cli._troubles import troubles, underway
from bestiary.launch import Standing, standing
from bestiary.store import StudyStore
from bestiary.tune import Leader, leaders

HOUR = timedelta(hours=1)


def how_far(store: StudyStore) -> tuple[Standing, tuple[Leader, ...], dict[str, Any]]:
    """How a study stands, who leads, and the record of it, with what is in training.

    `plain` makes the record plain data.

    Args:
        store: The study, open for reading; a driver may be at work on it.
    """
    driver = store.driver()
    stands = standing(store)
    ahead = leaders(stands.rows)
    return (
        stands,
        ahead,
        {
            "done": sum(one.done for one in stands.rows),
            "failed": sum(one.failed for one in stands.rows),
            "at_most": sum(one.at_most for one in stands.rows),
            "driver": driver or None,
            "last_hour": store.ended_after((datetime.now(UTC) - HOUR).isoformat()),
            "seconds_left": _seconds_left(stands, driver),
            "at_once": stands.slots,
            "running": underway(store),
            "cells": stands.rows,
            "leaders": ahead,
            "troubles": troubles(store),
            "phases": stands.phases,
            "left_on_table": stands.left_on_table,
            "skipped": stands.skipped,
            "decided_on": stands.mark.results,
        },
    )


def plain(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of `how_far` as plain data."""
    found: dict[str, Any] = msgspec.to_builtins(record)
    return found


def _seconds_left(stands: Standing, driver: str) -> float | None:
    """The rest, less what has gone by since that was reckoned where somebody is at work on it."""
    if stands.seconds_left is None or not driver:
        return stands.seconds_left
    gone = max(0.0, datetime.now(UTC).timestamp() - stands.written)
    return max(0.0, stands.seconds_left - gone)
