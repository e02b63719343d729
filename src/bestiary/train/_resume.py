"""Where earlier attempts stopped: the newest checkpoint that is exactly what was written."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from bestiary.errors import BestiaryError, UserError
from bestiary.specs import RunSpec, run_id
from bestiary.store import CHECKPOINTS, metrics_file
from bestiary.train import _checkpoints
from bestiary.train._checkpoints import CheckpointError
from bestiary.train._ledger import Record

_LOG = logging.getLogger(__name__)


def newest(
    folders: Sequence[Path], runs: Sequence[RunSpec], arrays: Any
) -> tuple[Record, list[bytes], Any] | None:
    """The newest intact checkpoint of these runs in any of the folders.

    A damaged checkpoint is passed over, with a warning in the log, for the one before.

    Args:
        folders: Folders of earlier attempts; one that is missing has no checkpoints.
        runs: What is to be continued.
        arrays: A tree of arrays like those of the checkpoint.

    Returns:
        The record, the beginnings of the metrics files, and the arrays; None where there is no
        checkpoint at all.

    Raises:
        UserError: a checkpoint belongs to other runs.
        BestiaryError: there are checkpoints, but none is intact.
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
    if found:
        raise BestiaryError(
            f"none of the {len(found)} checkpoints in {', '.join(map(str, folders))} is intact; "
            "start again in a new folder"
        )
    return None


def read_record(checkpoint: Path) -> Record:
    """The record of a checkpoint whose files are all verified.

    Raises:
        CheckpointError: the checkpoint is not what was written.
    """
    record = msgspec.json.decode(_checkpoints.load_record(checkpoint), type=Record)
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
