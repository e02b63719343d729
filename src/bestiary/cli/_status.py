"""`bestiary status`: how far a study is, read from its store, also while a driver runs."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._folders import reading
from bestiary.cli._listing import console, print_json, show
from bestiary.cli._troubles import troubles, underway
from bestiary.specs import RunResult, Spec
from bestiary.store import StudyStore
from bestiary.tune import PhaseAccount, Planner, TuningEffort, ledger_of, phase_accounts, plan_of

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
PHASES = {"optimizer": "optimizer", "followed": "depends on scale", "frozen": "frozen"}
PREDICTED = {
    "optimizer": "optimizer",
    "size": "size",
    "ratio": "ratio",
    "predicted": "predicted",
    "by": "by",
    "penalty": "transfer penalty, nats",
}
LEFT = {
    "optimizer": "optimizer",
    "size": "size",
    "ratio": "ratio",
    "left": "tuning would still gain, nats",
    "note": "",
}
SKIPPED = {**RUN, "what": "not trained", "reason": "why"}
del SKIPPED["purpose"]
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
        planner = Planner(store.study, store.results())
        records = progress(planner, store)
        now, wrong = underway(store), troubles(store)
        done, failed, most = (
            sum(int(one[key]) for one in records) for key in ("done", "failed", "at_most")
        )
        driver = store.driver()
    effort = ledger_of(planner)
    if flags.json:
        counts = {"done": done, "at_most": most, "driver": driver or None}
        phases = {"phases": [msgspec.to_builtins(one) for one in phase_accounts(planner)]}
        phases["left_on_table"] = [
            {"optimizer": entry.optimizer, **msgspec.to_builtins(one)}
            for entry in effort
            for one in entry.cells
        ]
        phases["skipped"] = [msgspec.to_builtins(one) for one in planner.skipped()]
        print_json({**counts, "running": now, "cells": records, "troubles": wrong, **phases})
        return
    absent = "" if done + failed == most else "; nobody drives it, the same `bestiary run` goes on"
    lacking = f", {failed} failed" if failed else ""
    _say(
        f"{store.study.name}: {done} of at most {most} runs{lacking}",
        f"; {driver}" if driver else absent,
    )
    show(records, COLUMNS, as_json=False)
    if now:
        show(
            [{**one, "time": _since(one)} for one in now], RUNNING, as_json=False, title="training"
        )
    if left := _left(effort):
        show(left, LEFT, as_json=False, title="left on the table")
    _show_phases(planner)
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


def _left(effort: tuple[TuningEffort, ...]) -> list[dict[str, str]]:
    """What further tuning would probably still gain, wherever tuning has ended."""
    return [
        {
            "optimizer": entry.optimizer,
            "size": one.cell.size,
            "ratio": f"{one.cell.ratio:g}",
            "left": one.left_on_table.text(".4f"),
            "note": one.left_on_table.note,
        }
        for entry in effort
        for one in entry.cells
        if one.left_on_table.value is not None
    ]


def _show_phases(planner: Planner) -> None:
    """What the phases decided, and what is not trained."""
    accounts = phase_accounts(planner)
    if accounts:
        show([_learnt(one) for one in accounts], PHASES, as_json=False, title="phase I taught")
        for reason in dict.fromkeys(one.reason for one in accounts):
            _say(reason)
    if predicted := [record for one in accounts for record in _predicted(one)]:
        show(predicted, PREDICTED, as_json=False, title="phase III predicts")
    if skipped := planner.skipped():
        shown = [
            {
                "optimizer": one.optimizer,
                "size": one.cell.size if one.cell else "",
                "ratio": f"{one.cell.ratio:g}" if one.cell else "",
                "what": one.what,
                "reason": one.reason,
            }
            for one in skipped
        ]
        show(shown, SKIPPED, as_json=False, title="left out")


def _learnt(one: PhaseAccount) -> dict[str, str]:
    frozen = [name if value is None else f"{name} {value}" for name, value in one.frozen.items()]
    return {
        "optimizer": one.optimizer,
        "followed": ", ".join(one.followed) or "nothing",
        "frozen": ", ".join(frozen) or "nothing",
    }


def _predicted(one: PhaseAccount) -> list[dict[str, str]]:
    return [
        {
            "optimizer": one.optimizer,
            "size": cell.cell.size,
            "ratio": f"{cell.cell.ratio:g}",
            "predicted": ", ".join(f"{law.name} {law.value}" for law in cell.forecasts),
            "by": ", ".join(dict.fromkeys(law.by for law in cell.forecasts)) + cell.note,
            "penalty": cell.penalty.text(".4f") if cell.penalty else "",
        }
        for cell in one.predicted
    ]


def progress(planner: Planner, store: StudyStore) -> list[dict[str, Any]]:
    """One record for every optimizer, cell and purpose, in the order of the plan."""
    results = planner.results
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
        for one in plan_of(planner)
    ]


def _place(cell: Any) -> tuple[str, float]:
    return cell.size, cell.ratio


def _outcomes(results: list[RunResult]) -> dict[str, Any]:
    losses = [one.loss["selection"] for one in results if one.state == "done"]
    return {
        "done": sum(one.state != "failed" for one in results),
        "diverged": sum(one.state == "diverged" for one in results),
        "failed": sum(one.state == "failed" for one in results),
        "best": min(losses, default=None),
    }
