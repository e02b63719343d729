"""Where earlier attempts stopped: the newest checkpoint that is exactly what was written."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bestiary.errors import UserError
from bestiary.specs import RunSpec, evaluation_steps, run_id, stable_steps, trunk_id
from bestiary.store import CHECKPOINTS, TRUNK, metrics_file
from bestiary.train import _checkpoints
from bestiary.train._checkpoints import CheckpointError
from bestiary.train._ledger import Record
from bestiary.train._peers import leads, meet

_LOG = logging.getLogger(__name__)


def newest(
    folders: Sequence[Path], runs: Sequence[RunSpec], arrays: Any
) -> tuple[Record, list[bytes], Any] | None:
    """The newest intact checkpoint of these runs in any of the folders.

    A damaged checkpoint is passed over, with a warning, for the one before. Where none is intact
    they are set aside, with the metrics that belong to them, and the runs start over: they are a
    cache of what can be computed again.

    Args:
        folders: Folders of earlier attempts; one that is missing has no checkpoints.
        runs: What is to be continued.
        arrays: A tree of arrays like those of the checkpoint.

    Returns:
        The record, the beginnings of the metrics files, and the arrays; None where there is no
        intact checkpoint.

    Raises:
        UserError: a checkpoint belongs to other runs.
    """
    found = [(step, at) for at in folders for step in _checkpoints.steps(at / CHECKPOINTS)]
    for step, attempt in sorted(found, reverse=True):
        checkpoint = attempt / CHECKPOINTS / str(step)
        try:
            record = read_record(checkpoint)
            if record.runs != list(runs):
                raise UserError(f"{attempt} holds other runs; resume from the folder of these")
            metrics = _metrics(record, attempt)
            return record, metrics, _checkpoints.load_arrays(checkpoint, arrays)
        except CheckpointError as error:
            _LOG.warning("%s; trying the one before", error)
    meet("look for checkpoints")
    if found and leads():
        _set_aside([attempt / CHECKPOINTS / str(step) for step, attempt in found], runs)
    return None


def branched(
    folders: Sequence[Path], runs: Sequence[RunSpec], arrays: Any
) -> tuple[Record, list[bytes], Any] | None:
    """Where a shorter run of the same trunk left off, as the beginning of a longer one.

    What is damaged or does not fit is passed over: the run then begins earlier, or at its start.

    Args:
        folders: Of attempts at shorter runs.
        runs: What is to be trained; of several none has a trunk.
        arrays: A tree of arrays like those of the checkpoint.

    Returns:
        As `newest` does.
    """
    if len(runs) > 1:
        return None
    found = [(step, at) for at in folders for step in _checkpoints.steps(at / TRUNK)]
    for step, attempt in sorted(found, reverse=True):
        try:
            record = read_record(attempt / TRUNK / str(step))
            continued = _continued(record, runs[0])
            if continued is None:
                continue
            metrics = _metrics(record, attempt)
            return continued, metrics, _checkpoints.load_arrays(attempt / TRUNK / str(step), arrays)
        except CheckpointError as error:
            _LOG.warning("%s; beginning earlier", error)
    return None


def _continued(record: Record, run: RunSpec) -> Record | None:
    """The record of a shorter run as that of a longer; None where that would not be the same."""
    (other,) = record.runs
    shared = min(stable_steps(other), stable_steps(run))
    if record.step > shared or trunk_id(other) != trunk_id(run) or record.diverged != [None]:
        return None
    known = {one.step: one for each in (*record.others, *record.evaluations) for one in each}
    due = evaluation_steps(run, record.step)
    if any(step not in known for step in due):
        return None
    return msgspec.structs.replace(
        record,
        runs=[run],
        evaluations=[[known[step] for step in due]],
        others=[[one for step, one in sorted(known.items()) if step not in due]],
        trunk_steps=record.step,
        compile_seconds=0.0,
    )


def _set_aside(checkpoints: Sequence[Path], runs: Sequence[RunSpec]) -> None:
    """Keep what is damaged under names that nobody reads, and say so."""
    metrics = {metrics_file(one.parent.parent, run_id(run)) for one in checkpoints for run in runs}
    kept = [
        str(_checkpoints.set_aside(path))
        for path in (*checkpoints, *sorted(metrics))
        if path.exists()
    ]
    _LOG.warning(
        "none of the %d checkpoints is intact, so the run starts over; what is left of the attempt "
        "is kept: %s",
        len(checkpoints),
        ", ".join(kept),
    )


def read_record(checkpoint: Path) -> Record:
    """The record of a checkpoint whose files are all verified.

    Raises:
        CheckpointError: the checkpoint is not what was written.
    """
    try:
        record = msgspec.json.decode(_checkpoints.load_record(checkpoint), type=Record)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CheckpointError(f"checkpoint {checkpoint} is not of this Bestiary: {error}") from None
    if str(record.step) != checkpoint.name:
        raise CheckpointError(f"checkpoint {checkpoint} is damaged: it is of step {record.step}")
    return record


def _metrics(record: Record, attempt: Path) -> list[bytes]:
    try:
        return [
            prefix.read(metrics_file(attempt, run_id(run)))
            for run, prefix in zip(record.runs, record.metrics, strict=True)
        ]
    except (OSError, ValueError) as error:
        raise CheckpointError(
            f"step {record.step} of {attempt} lost its metrics: {error}"
        ) from None
