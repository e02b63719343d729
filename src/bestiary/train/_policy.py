"""How a run is carried out. Nothing here changes a number of its result, but for last bits."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bestiary.specs import ONE_DEVICE, Placement


def _never() -> bool:
    return False


def _kept(checkpoint: Path) -> None:
    del checkpoint


def _silent(step: int, loss: float) -> None:
    del step, loss


@dataclass(frozen=True, kw_only=True)
class Policy:
    """How `train` carries runs out; two policies give the same numbers.

    Over several devices sums have another order, so their numbers differ in the last bits.

    Attributes:
        resume_from: Folders of earlier attempts at the same runs; the newest intact checkpoint in
            any of them is continued. Where there is none the runs start at step 0.
        trunks: Folders of shorter runs of the same trunk; where no attempt of its own is resumed, a
            run begins at the newest of their checkpoints that is a step of its own.
        leave_at: A step after which a checkpoint is left for longer runs of the trunk; 0 for none.
        evaluate_also: Steps before it that they are evaluated at; no part of this run's result.
        checkpoint_seconds: Seconds between checkpoints; 0 for none by time.
        checkpoint_every: Steps between checkpoints; 0 for none by step.
        checkpoint_final: Whether to write one after the last step, for export.
        should_stop: Asked after every dispatch; true makes `train` write a checkpoint and raise
            `StopRequested`. SIGTERM does the same.
        progress: Called after every dispatch with the steps taken and the latest training loss
            (of a population, the lowest).
        saved: Called with the folder of every checkpoint when it is whole.
        resident_bytes: A corpus of at most this many bytes lives on the device; a larger one is
            streamed. The batches are the same.
        steps_per_dispatch: Most steps in one call of the compiled program, of which 64 is the
            most; 0 lets the cost of a step decide.
        placement: The mesh of devices that a run is laid over; of one device it has none.
        attention: The form of attention; empty takes that of the device.
    """

    resume_from: Path | tuple[Path, ...] = ()
    trunks: tuple[Path, ...] = ()
    leave_at: int = 0
    evaluate_also: tuple[int, ...] = ()
    checkpoint_seconds: float = 60.0
    checkpoint_every: int = 0
    checkpoint_final: bool = False
    should_stop: Callable[[], bool] = _never
    progress: Callable[[int, float], None] = _silent
    saved: Callable[[Path], None] = _kept
    resident_bytes: int = 2**30
    steps_per_dispatch: int = 0
    placement: Placement = ONE_DEVICE
    attention: str = ""

    @property
    def earlier(self) -> tuple[Path, ...]:
        """The folders of `resume_from`, always as a tuple."""
        given = self.resume_from
        return (given,) if isinstance(given, Path) else tuple(given)
