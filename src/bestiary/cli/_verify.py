"""`bestiary verify`: train a sample of a study's finished runs once more, and compare."""

import random
import tempfile
from pathlib import Path
from typing import Any

import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._folders import reading
from bestiary.cli._listing import console, show
from bestiary.errors import UserError
from bestiary.specs import (
    Count,
    Natural,
    Planned,
    Processes,
    RunResult,
    Spec,
    agreement,
    kinds_apart,
)

COLUMNS = {
    "optimizer": "optimizer",
    "size": "size",
    "ratio": "ratio",
    "purpose": "for",
    "seed": "seed",
    "stored": "stored loss",
    "again": "now",
    "agrees": "agreement",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Train a sample of finished runs again and compare.

    Attributes:
        folder: The study folder; not needed where there is only one here.
        sample: Runs to train again, drawn at random.
        seed: Decides which.
        workers: Processes that train; 0 for one per core, or per accelerator where there is one.
        json: Print JSON.
    """

    folder: tyro.conf.Positional[str] = ""
    sample: Count = 3
    seed: Natural = 0
    workers: Processes = 0
    json: Switch = False


def run(flags: Flags) -> int:
    """Draw, train, compare; the study is not touched.

    Returns:
        0, or 1 where a run differs that was trained by the same program on the same kind of
        machine.
    """
    from bestiary.cli._corpora import cache_folder
    from bestiary.launch import LocalExecutor, rerun

    chosen = _sample(flags)
    records: list[dict[str, Any]] = []
    executor = LocalExecutor(cache_folder() / "corpora", workers=flags.workers or None)
    with tempfile.TemporaryDirectory(prefix="bestiary-verify-") as folder, executor:
        runs = [planned.run for planned, _ in chosen]
        for index, result in rerun(runs, executor, Path(folder)):
            records.append(_compared(*chosen[index], result))
    show(records, COLUMNS, as_json=flags.json)
    agreeing = sum(bool(one["in_every_bit"]) for one in records)
    if not flags.json:
        console().print(f"{agreeing} of {len(records)} runs agree in every bit", highlight=False)
    return 1 if any(not one["in_every_bit"] and not one["machine"] for one in records) else 0


def _sample(flags: Flags) -> list[tuple[Planned, RunResult]]:
    with reading(flags.folder) as store:
        results, planned = store.results(), store.planned()
        finished = sorted(key for key, one in results.items() if one.state != "failed")
        if not finished:
            raise UserError(f"{store.folder} has no finished run yet; there is nothing to verify")
        drawn = random.Random(flags.seed).sample(finished, min(flags.sample, len(finished)))
        return [(planned[key], results[key]) for key in drawn]


def _compared(planned: Planned, stored: RunResult, again: RunResult) -> dict[str, Any]:
    """A record of one run: both losses, and how far they agree."""
    found = agreement(stored, again)
    machine = kinds_apart(stored.environment, again.environment)
    return {
        "run_id": stored.run_id,
        "optimizer": planned.optimizer,
        "size": planned.cell.size,
        "ratio": planned.cell.ratio,
        "purpose": planned.purpose,
        "seed": planned.run.seed,
        "stored": stored.loss.get("selection"),
        "again": again.loss.get("selection"),
        "in_every_bit": found.in_every_bit,
        "difference": found.difference,
        "step": found.step,
        "fields": list(found.fields),
        "machine": machine,
        "agrees": _said(found.in_every_bit, found.difference, found.step, found.fields, machine),
    }


def _said(
    in_every_bit: bool, gap: float | None, step: int | None, fields: tuple[str, ...], machine: str
) -> str:
    if in_every_bit:
        return "every bit"
    by = f"within {gap:.2g}, apart from step {step}" if gap else f"differs in {', '.join(fields)}"
    return f"{by} ({machine})" if machine else by
