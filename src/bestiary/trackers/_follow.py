"""From metrics files to a sink: what is new since the last look, each step once."""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, final

import msgspec

from bestiary.errors import BestiaryError, UserError
from bestiary.store import read_whole
from bestiary.trackers._runs import Followed, followed
from bestiary.trackers._sinks import AbstractSink

_RECORD = "tracked.json"
_NAMES = {
    "loss": "train/loss",
    "grad_norm": "train/gradient_norm",
    "learning_rate": "train/learning_rate",
    "tokens": "train/tokens",
}


@final
class Follower:
    """Hands the numbers of a folder's runs to a sink, and goes on where it was."""

    def __init__(self, folder: Path, sink: AbstractSink, out: Path) -> None:
        """Follow the runs of a folder.

        Args:
            folder: Of a study, or of one `bestiary train`.
            sink: Takes the numbers.
            out: Where it is kept which steps the sink has.
        """
        self._folder = folder
        self._sink = sink
        self._record = out / _RECORD
        self._steps: dict[str, int] = _known(self._record)

    def look(self) -> int:
        """Hand on what is new; returns how many steps that was.

        Raises:
            UserError: the folder holds no run.
            BestiaryError: the tracker failed; the runs and what it has are as they were.
        """
        return sum(self._hand_on(run) for run in followed(self._folder))

    def _hand_on(self, run: Followed) -> int:
        begin = self._steps.get(run.identity, 0)
        rows = list(_rows(run, begin))
        if not rows:
            return 0
        try:
            self._sink.begin(run)
            for step, values in rows:
                self._sink.log(step, values)
            self._sink.end()
        except Exception as error:  # a tracker's package may do anything
            first = (str(error).strip() or type(error).__name__).splitlines()[0]
            raise BestiaryError(
                f"the tracker failed ({first[:160]}); no run is touched, the same command goes on"
            ) from None
        self._steps[run.identity] = rows[-1][0] + 1
        self._keep()
        return len(rows)

    def _keep(self) -> None:
        self._record.parent.mkdir(parents=True, exist_ok=True)
        beside = self._record.with_name(f".{_RECORD}.{os.getpid()}")
        beside.write_bytes(msgspec.json.encode(self._steps))
        beside.replace(self._record)


def _known(path: Path) -> dict[str, int]:
    try:
        return msgspec.json.decode(read_whole(path), type=dict[str, int])
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path}: {error}; remove it to begin again") from None


def _rows(run: Followed, begin: int) -> Iterator[tuple[int, dict[str, float]]]:
    """Steps from `begin` on, ascending, with what is known of each; the last may be evaluations."""
    evaluated = {
        one.step: {f"validation/{split}": loss for split, loss in one.loss.items()}
        for one in run.evaluations
    }
    trained = dict(_steps(run.metrics))
    for step in sorted(trained.keys() | evaluated.keys()):
        if step >= begin:
            yield step, {**trained.get(step, {}), **evaluated.get(step, {})}


def _steps(path: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """The whole lines of a metrics file; a torn one is still being written."""
    with path.open("rb") as file:
        for line in file:
            try:
                row: dict[str, Any] = json.loads(line) if line.endswith(b"\n") else {}
                step = int(row["step"])
            except (ValueError, KeyError, TypeError):
                continue
            yield step, {_NAMES[key]: row[key] for key in _NAMES if _is_number(row.get(key))}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and math.isfinite(value)
