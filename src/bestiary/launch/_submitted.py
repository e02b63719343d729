"""What a driver has submitted and waits for: jobs, of one run or of a population."""

import time

import msgspec

from bestiary.launch._snapshot import Running
from bestiary.specs import Planned
from bestiary.store import Attempt


class JobMember(msgspec.Struct, frozen=True):
    """A run of a job."""

    planned: Planned
    attempt: Attempt


class Submitted(msgspec.Struct):
    """A job that was submitted and not answered yet: a run, or a population of several."""

    members: tuple[JobMember, ...]
    step: int = 0
    loss: float | None = None
    began: float = msgspec.field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since it was submitted."""
        return time.monotonic() - self.began

    @property
    def runs(self) -> tuple[str, ...]:
        """The ids of its runs."""
        return tuple(one.attempt.run_id for one in self.members)

    @property
    def shown(self) -> str:
        """What it trains, in words."""
        more = len(self.members) - 1
        return named(self.members[0].planned) + f" and {more} more" * bool(more)

    def running(self) -> list[Running]:
        return [
            Running(
                run_id=one.attempt.run_id,
                optimizer=one.planned.optimizer,
                cell=one.planned.cell,
                purpose=one.planned.purpose,
                attempt=one.attempt.number,
                step=self.step,
                steps=one.planned.run.steps,
                loss=self.loss,
            )
            for one in self.members
        ]


def named(planned: Planned) -> str:
    """A run in words."""
    return f"{planned.optimizer} {planned.cell.size} {planned.cell.ratio:g}x ({planned.purpose})"
