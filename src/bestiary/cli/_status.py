"""`bestiary status`: how far a study is, read from its store, also while a driver runs."""

from typing import Any

import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._folders import reading
from bestiary.cli._listing import console, print_json, show
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


class Flags(Spec, frozen=True, kw_only=True):
    """Show how far a study is.

    Attributes:
        folder: The study folder; not needed where there is only one here.
        json: Print JSON.
    """

    folder: tyro.conf.Positional[str] = ""
    json: Switch = False


def run(flags: Flags) -> None:
    """Print a row for every optimizer, cell and purpose, and what is running."""
    with reading(flags.folder) as store:
        records = progress(store.study, store)
        running = [one for one in store.attempts() if one.outcome == "running"]
        done, most = (sum(int(one[key]) for one in records) for key in ("done", "at_most"))
        if flags.json:
            runs = [{"run_id": one.run_id, "started": one.started} for one in running]
            print_json({"done": done, "at_most": most, "running": runs, "cells": records})
            return
        title = f"{store.study.name}: {done} of at most {most} runs, {len(running)} running"
        console().print(title, highlight=False, markup=False)
        show(records, COLUMNS, as_json=False)


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
