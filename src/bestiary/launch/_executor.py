"""What carries out jobs: here in processes, or anywhere in pilots, by the same interface."""

import abc
from typing import Self

from bestiary.launch._messages import Event, Job
from bestiary.specs import RunSpec


class AbstractExecutor(abc.ABC):
    """Trains jobs somewhere and says what became of them.

    An executor never touches the study: it is given folders to write in and answers with events;
    the driver alone commits. It may lose jobs (`Lost`) but never forgets one: each job submitted is
    answered by exactly one final event, unless the executor is closed first.
    """

    @property
    @abc.abstractmethod
    def slots(self) -> int:
        """How many jobs can be under way at once."""

    @property
    def devices(self) -> int:
        """Over how many devices each run is laid."""
        return 1

    def members(self, run: RunSpec) -> int:
        """How many runs of this kind one job should have at most; 1 trains each by itself."""
        del run
        return 1

    def start(self) -> None:  # noqa: B027 - most have nothing to do
        """Be ready for jobs; called once by the driver, when it has the study for itself."""

    @abc.abstractmethod
    def submit(self, job: Job) -> None:
        """Start a job; call it only while fewer than `slots` are under way."""

    @abc.abstractmethod
    def events(self, timeout: float) -> list[Event]:
        """What happened since the last call; waits up to `timeout` seconds for something."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Ask every job to write a checkpoint and answer `Stopped`; returns at once."""

    @abc.abstractmethod
    def close(self) -> None:
        """End everything now; nothing of the executor is left running. May be called twice."""

    def __enter__(self) -> Self:
        """Use it as a context that closes it."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Close it."""
        self.close()
