"""Train runs once more, beside the study that has their results."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from bestiary.errors import BestiaryError
from bestiary.launch._executor import AbstractExecutor
from bestiary.launch._messages import Failed, Finished, Halted, Job, Lost
from bestiary.specs import RunResult, RunSpec

TICK_SECONDS = 0.5


def rerun(
    runs: Sequence[RunSpec], executor: AbstractExecutor, folder: Path
) -> Iterator[tuple[int, RunResult]]:
    """Train runs from their beginning, and give each result as it comes, with its place in `runs`.

    Args:
        runs: What to train.
        executor: Trains them; it is not closed.
        folder: A folder of their own, in which no checkpoint lies.

    Raises:
        BestiaryError: one of them could not be trained.
    """
    executor.start()
    waiting, underway = list(enumerate(runs, start=1)), 0
    while waiting or underway:
        while waiting and underway < executor.slots:
            number, run = waiting.pop(0)
            place = folder / f"{number}" / "attempt-1"
            executor.submit(Job(number=number, runs=(run,), folder=str(place)))
            underway += 1
        for event in executor.events(TICK_SECONDS):
            if isinstance(event, Finished):
                underway -= 1
                yield event.job - 1, event.results[0]
            elif isinstance(event, Failed | Lost | Halted):
                raise BestiaryError(f"a run could not be trained again: {event.reason}")
