"""`bestiary status`: how far a study is, read from its store, also while a driver runs."""

from datetime import UTC, datetime
from typing import Any

import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._folders import reading
from bestiary.cli._listing import console, print_json, show
from bestiary.cli._troubles import troubles, underway
from bestiary.specs import RunResult, Spec, Study
from bestiary.store import StudyStore
from bestiary.tune import plan

COLUMNS = {
    "optimizer": "optimizer",
    "size": "size",
    "ratio": "ratio",
    "purpose": "for",
    "done": "done",
    "at_most": "of at most",
    "diverged": "diverged",
    "failed": "failed",
    "best": "best selection loss",
}

RUN = {"optimizer": "optimizer", "size": "size", "ratio": "ratio", "purpose": "for"}
RUNNING = {**RUN, "attempt": "attempt", "step": "step", "steps": "of", "time": "time"}
TROUBLES = {**RUN, "tuned": "with", "outcome": "what", "reason": "why", "log": "log"}


class Flags(Spec, frozen=True, kw_only=True):
    """Show how far a study is.

    Attributes:
        folder: The study folder; not needed where there is only one here.
        json: Print JSON.
    """

    folder: tyro.conf.Positional[str] = ""
    json: Switch = False


def run(flags: Flags) -> None:
    """Print a row for every optimizer, cell and purpose, what is trained now, what went wrong."""
    with reading(flags.folder) as store:
        records = progress(store.study, store)
        now, wrong = underway(store), troubles(store)
        done, most = (sum(int(one[key]) for one in records) for key in ("done", "at_most"))
        driver = store.driver()
    if flags.json:
        counts = {"done": done, "at_most": most, "driver": driver or None}
        print_json({**counts, "running": now, "cells": records, "troubles": wrong})
        return
    absent = "" if done == most else "; nobody drives it, the same `bestiary run` goes on"
    _say(f"{store.study.name}: {done} of at most {most} runs", f"; {driver}" if driver else absent)
    show(records, COLUMNS, as_json=False)
    if now:
        show(
            [{**one, "time": _since(one)} for one in now], RUNNING, as_json=False, title="training"
        )
    if wrong:
        show(wrong, TROUBLES, as_json=False, title="what went wrong")
    if any(one["outcome"] == "failed" for one in wrong):
        _say("the same `bestiary run` with --retry-failed tries the failed ones again")


def _since(running: dict[str, Any]) -> str:
    from bestiary.report import duration

    begun = datetime.fromisoformat(running["started"])
    return duration(max(0.0, (datetime.now(UTC) - begun).total_seconds()))


def _say(*parts: str) -> None:
    console().print("".join(parts), highlight=False, markup=False, soft_wrap=True)


def progress(study: Study, store: StudyStore) -> list[dict[str, Any]]:
    """One record for every optimizer, cell and purpose, in the order of the plan."""
    results = store.results()
    grouped: dict[tuple[str, str, float, str], list[RunResult]] = {}
    for identity, one in store.planned().items():
        key = (one.optimizer, one.cell.size, one.cell.ratio, one.purpose)
        found = [results[identity]] if identity in results else []
        grouped.setdefault(key, []).extend(found)
    return [
        {
            "optimizer": one.optimizer,
            "size": one.cell.size,
            "ratio": one.cell.ratio,
            "purpose": one.purpose,
            "at_most": one.runs,
            **_outcomes(grouped.get((one.optimizer, *_place(one.cell), one.purpose), [])),
        }
        for one in plan(study, results)
    ]


def _place(cell: Any) -> tuple[str, float]:
    return cell.size, cell.ratio


def _outcomes(results: list[RunResult]) -> dict[str, Any]:
    losses = [one.loss["selection"] for one in results if one.state == "done"]
    return {
        "done": len(results),
        "diverged": sum(one.state == "diverged" for one in results),
        "failed": sum(one.state == "failed" for one in results),
        "best": min(losses, default=None),
    }
