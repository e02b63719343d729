"""The metrics of a run: one JSON line a step, in one file per run of an attempt's folder.

A line is written whole or, by a crash, torn at the end of the file; the reader drops a torn line.
A resumed attempt begins its own file with the lines up to the checkpoint it continues, so each file
tells the whole run. Other sinks (TensorBoard, trackers) can follow these files without the trainer.
"""

import hashlib
import os
from collections.abc import Sequence
from pathlib import Path
from typing import IO

import msgspec

from bestiary.specs import TrainPoint
from bestiary.store import open_file

_ENCODER = msgspec.json.Encoder()


class Metric(msgspec.Struct, frozen=True, kw_only=True):
    """One optimizer step.

    Attributes:
        step: Steps taken before this one, so that the first is 0.
        loss: Mean nats per token of the step's batch; None where it was not finite.
        grad_norm: Euclidean norm of the gradient of all parameters; None where it was not finite.
        learning_rate: The scheduled rate of the step.
        tokens: Training tokens seen after the step.
        seconds: Seconds of training when the step's dispatch ended; the one field that differs
            between two runs of the same spec.
    """

    step: int
    loss: float | None
    grad_norm: float | None
    learning_rate: float
    tokens: int
    seconds: float


def read_metrics(path: Path) -> list[Metric]:
    """The metrics of a run in the order of its steps.

    A torn or damaged line is left out; of a step written twice the later line holds. A file that
    does not exist has no metrics.
    """
    content = b""
    if path.exists():
        with open_file(path) as file:
            content = file.read()
    whole = (line for line in content.splitlines(keepends=True) if line.endswith(b"\n"))
    latest = {metric.step: metric for line in whole if (metric := _decoded(line)) is not None}
    return [latest[step] for step in sorted(latest)]


def _decoded(line: bytes) -> Metric | None:
    try:
        return msgspec.json.decode(line, type=Metric)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


class Prefix(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of a metrics file that a checkpoint continues: its length and its sha256."""

    length: int
    sha256: str

    def read(self, path: Path) -> bytes:
        """The lines up to the checkpoint.

        Raises:
            ValueError: the file does not begin with what was written.
        """
        with open_file(path) as file:
            content = file.read(self.length)
        if hashlib.sha256(content).hexdigest() != self.sha256:
            raise ValueError(f"{path.name} is damaged in its first {self.length} bytes")
        return content


class MetricWriter:
    """Appends the metrics of one run to its file, and knows what the file must contain."""

    def __init__(self, path: Path, prefix: bytes = b"") -> None:
        """Replace the file by the lines up to a checkpoint, in one rename.

        Raises:
            OSError: the file cannot be written.
        """
        part = path.with_suffix(".part")
        part.write_bytes(prefix)
        os.replace(part, path)
        self._file: IO[bytes] = path.open("ab")
        self._hash = hashlib.sha256(prefix)
        self._length = len(prefix)

    def write(self, metrics: Sequence[Metric]) -> None:
        """Append one line per metric and hand them to the operating system."""
        lines = _ENCODER.encode_lines(metrics)
        self._file.write(lines)
        self._file.flush()
        self._hash.update(lines)
        self._length += len(lines)

    def sync(self) -> Prefix:
        """Wait until every line is on the disk; what was written, for a checkpoint to name."""
        os.fsync(self._file.fileno())
        return Prefix(self._length, self._hash.hexdigest())

    def close(self) -> None:
        """Close the file."""
        self._file.close()


def thinned(losses: list[float], points: int = 300) -> tuple[TrainPoint, ...]:
    """The training curve as at most `points` means over windows of equal length.

    Args:
        losses: The finite training losses from step 0 on.
        points: Most points in the result.

    Returns:
        One point a window; its step is the number of steps taken at the window's end.
    """
    window = max(1, -(-len(losses) // points))
    return tuple(
        TrainPoint(step=min(end, len(losses)), loss=_mean(losses[end - window : end]))
        for end in range(window, len(losses) + window, window)
    )


def _mean(values: list[float]) -> float:
    return sum(values) / len(values)
