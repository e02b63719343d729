"""The sinks: a tracker's package behind three calls. None is needed, none needs an account."""

import os
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, final

from bestiary.errors import BestiaryError, UserError, unknown
from bestiary.trackers._runs import Followed

PROJECT = "bestiary"


class AbstractSink(Protocol):
    """What takes the numbers of runs, one run at a time."""

    def begin(self, run: Followed) -> None:
        """What follows is of this run; it may have been begun before."""

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """Numbers at a step; steps of a run ascend."""

    def end(self) -> None:
        """Nothing more is known of the run now; all of it is on the disk."""


@final
class TensorBoardSink:
    """Event files, a folder for each run: `tensorboard --logdir FOLDER` shows them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._event = _package("tensorboard.compat.proto.event_pb2", "tensorboard")
        self._summary = _package("tensorboard.compat.proto.summary_pb2", "tensorboard")
        self._files = _package("tensorboard.summary.writer.event_file_writer", "tensorboard")
        self._writer: Any = None

    def begin(self, run: Followed) -> None:
        """A file of its own in the folder of the run."""
        self._writer = self._files.EventFileWriter(str(self._folder / run.name))

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One event."""
        scalars = [
            self._summary.Summary.Value(tag=name, simple_value=value)
            for name, value in values.items()
        ]
        summary = self._summary.Summary(value=scalars)
        self._writer.add_event(self._event.Event(step=step, summary=summary))

    def end(self) -> None:
        """Write what is waiting."""
        self._writer.close()


@final
class WandbSink:
    """W&B, offline: `wandb sync FOLDER/wandb/offline-run-*` sends it when somebody wants that."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._wandb = _package("wandb", "wandb")
        self._run: Any = None

    def begin(self, run: Followed) -> None:
        """A run of the same id goes on."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._run = self._wandb.init(
            project=PROJECT,
            id=run.identity[:16],
            name=run.name,
            config=run.settings,
            dir=str(self._folder),
            mode=os.environ.get("WANDB_MODE", "offline"),
            reinit="finish_previous",
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One row."""
        self._run.log(dict(values), step=step)

    def end(self) -> None:
        """Close it."""
        self._run.finish()


@final
class TrackioSink:
    """Trackio, whose database is the folder: `TRACKIO_DIR=FOLDER trackio show` shows it."""

    def __init__(self, folder: Path) -> None:
        os.environ["TRACKIO_DIR"] = str(folder)  # read when the package is imported
        self._trackio = _package("trackio", "trackio")

    def begin(self, run: Followed) -> None:
        """A run of the same name goes on."""
        self._trackio.init(
            project=PROJECT, name=run.name, config=dict(run.settings), resume="allow"
        )

    def log(self, step: int, values: Mapping[str, float]) -> None:
        """One row."""
        self._trackio.log(dict(values), step=step)

    def end(self) -> None:
        """Close it."""
        self._trackio.finish()


SINKS: dict[str, Any] = {
    "tensorboard": TensorBoardSink,
    "wandb": WandbSink,
    "trackio": TrackioSink,
}


def sink(name: str, folder: Path) -> AbstractSink:
    """The sink of that name, writing into a folder.

    Raises:
        UserError: there is none of that name, or its package is not installed.
    """
    if name not in SINKS:
        raise unknown("tracker", name, SINKS)
    made: AbstractSink = SINKS[name](folder)
    return made


def _package(module: str, extra: str) -> Any:
    try:
        return import_module(module)
    except ImportError:
        raise UserError(
            f"this tracker needs a package that is missing; run: pip install 'bestiary[{extra}]'"
        ) from None
    except Exception as error:  # whatever a package does when it starts
        raise BestiaryError(f"the tracker {extra} cannot start: {error}") from None
