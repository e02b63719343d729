"""An executor that answers at once for runs whose results are known, and has the others trained."""

from collections.abc import Mapping
from typing import final

from bestiary.launch._executor import AbstractExecutor
from bestiary.launch._messages import Event, Finished, Job, Notice
from bestiary.specs import RunResult, RunSpec, run_id


@final
class ReusingExecutor(AbstractExecutor):
    """Stands before another executor, which is closed with it."""

    def __init__(self, executor: AbstractExecutor, known: Mapping[str, RunResult]) -> None:
        """Train with this executor what is not known.

        Args:
            executor: Trains.
            known: Results by run id, for instance `store.results_elsewhere`.
        """
        self._executor, self._known = executor, known
        self._ready: list[Event] = []
        self._reused = 0

    @property
    def slots(self) -> int:
        """Those of who trains: what is known takes none for long."""
        return self._executor.slots

    @property
    def devices(self) -> int:
        """Those of who trains."""
        return self._executor.devices

    def members(self, run: RunSpec) -> int:
        """What is known is answered by itself."""
        return 1 if run_id(run) in self._known else self._executor.members(run)

    def start(self) -> None:
        """Start who trains."""
        self._executor.start()

    def submit(self, job: Job) -> None:
        """Answer, or have it trained."""
        results = [self._known.get(run_id(run)) for run in job.runs]
        known = tuple(result for result in results if result is not None)
        if len(known) < len(job.runs):
            self._executor.submit(job)
            return
        if not self._reused:
            line = "runs that another study has are taken over from it; --fresh trains them again"
            self._ready.append(Notice(job=0, line=line))
        self._reused += len(known)
        self._ready.append(Finished(job=job.number, results=known))

    def events(self, timeout: float) -> list[Event]:
        """What is known at once, and what happened elsewhere."""
        ready, self._ready = self._ready, []
        return ready + self._executor.events(0.0 if ready else timeout)

    def stop(self) -> None:
        """Stop who trains."""
        self._executor.stop()

    def close(self) -> None:
        """Close who trains."""
        self._executor.close()
