"""What a study trains now, and which runs went wrong and why: read from its store and folders."""

import json
from pathlib import Path
from typing import Any

from bestiary.specs import Planned, RunResult, Study
from bestiary.store import Attempt, Outcome, StudyStore, log_file, metrics_file, open_file

TAIL_BYTES = 2048
TROUBLES: tuple[Outcome, ...] = ("failed", "lost", "diverged")


def underway(store: StudyStore) -> list[dict[str, Any]]:
    """A record for every run in training; none where nobody drives the study."""
    if not store.driver():
        return []  # what a killed driver left open is closed by the next one
    attempts = store.some_attempts(("running",))
    planned = store.some_planned(one.run_id for one in attempts)
    return [
        {
            **_described(planned[one.run_id], one),
            "step": _steps_taken(metrics_file(store.attempt_folder(one), one.run_id)),
            "steps": planned[one.run_id].run.steps,
            "started": one.started,
        }
        for one in attempts
        if one.run_id in planned
    ]


def troubles(store: StudyStore) -> list[dict[str, Any]]:
    """A record for every attempt that failed, was lost or diverged, in the order of time."""
    attempts = store.some_attempts(TROUBLES)
    planned = store.some_planned(one.run_id for one in attempts)
    silent = store.some_results(one.run_id for one in attempts if not one.reason)
    return [
        {
            **_described(planned[one.run_id], one),
            "tuned": _tuned(store.study, planned[one.run_id]),
            "outcome": one.outcome,
            "reason": one.reason or _divergence(silent.get(one.run_id)),
            "log": str(log_file(store.attempt_folder(one))),
        }
        for one in attempts
        if one.run_id in planned
    ]


def _described(planned: Planned, attempt: Attempt) -> dict[str, Any]:
    return {
        "run_id": attempt.run_id,
        "optimizer": planned.optimizer,
        "size": planned.cell.size,
        "ratio": planned.cell.ratio,
        "purpose": planned.purpose,
        "attempt": attempt.number,
        "configuration": planned.configuration,
    }


def _tuned(study: Study, planned: Planned) -> str:
    """What sets the run apart, for instance `learning_rate 0.032, beta1 0.9`."""
    grid = study.candidate(planned.optimizer).grid
    return ", ".join(f"{name} {planned.configuration[name]}" for name in grid)


def _divergence(result: RunResult | None) -> str:
    return f"the loss was not finite after step {result.last_step}" if result else "no result"


def _steps_taken(metrics: Path) -> int:
    """From the last whole line of a metrics file that is being written."""
    try:
        with open_file(metrics) as file:
            file.seek(max(0, metrics.stat().st_size - TAIL_BYTES))
            whole = file.read().rpartition(b"\n")[0].rpartition(b"\n")[2]
        return int(json.loads(whole)["step"]) + 1
    except (OSError, ValueError, KeyError):
        return 0
