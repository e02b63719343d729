"""What an observer is shown while a study runs: plain data, complete each time."""

import contextlib
from typing import Protocol

from bestiary.specs import Cell, Purpose, Spec


class Running(Spec, frozen=True, kw_only=True):
    """One run that is being trained now.

    Attributes:
        run_id: The run.
        optimizer: Name of its candidate.
        cell: Where it belongs.
        purpose: A phase of tuning, or reporting.
        attempt: 1 for the first try.
        step: Steps taken so far; 0 while it starts and compiles.
        steps: Steps of the whole run.
        loss: Latest training loss, None before the first.
    """

    run_id: str
    optimizer: str
    cell: Cell
    purpose: Purpose
    attempt: int
    step: int
    steps: int
    loss: float | None = None


class Snapshot(Spec, frozen=True, kw_only=True):
    """The state of a study at one moment.

    Attributes:
        done: Runs with a result, whatever its state.
        planned: Runs of the whole study: `done`, those still needed, and an upper bound on those
            that tuning may still ask for. It falls when tuning ends early.
        diverged: Runs that diverged; counted in `done`.
        failed: Runs given up after their attempts; counted in `done`.
        running: What is being trained now.
        best_cell: The cell `best` speaks of: losses of different cells do not compare.
        best: The lowest selection loss so far in that cell, by optimizer, in the study's order.
        seconds_elapsed: Since this driver started.
        seconds_left: Estimate of the rest, from the runs so far; None before the first result.
    """

    done: int
    planned: int
    diverged: int = 0
    failed: int = 0
    running: tuple[Running, ...] = ()
    best_cell: Cell | None = None
    best: dict[str, float] = {}
    seconds_elapsed: float = 0.0
    seconds_left: float | None = None


class Observer(Protocol):
    """Whoever watches a study: a live display, a log. It is called on the driver's thread."""

    def update(self, snapshot: Snapshot) -> None:
        """Show the newest state; called several times a second at most."""

    def notice(self, line: str) -> None:
        """Say something that happened once, for instance that a run is tried again."""


class Sheltered:
    """An observer whose terminal or pipe may be gone: that is no reason to end a study."""

    def __init__(self, observer: Observer) -> None:
        """Shelter the study from this observer."""
        self._observer = observer

    def update(self, snapshot: Snapshot) -> None:
        """Show it, if anybody is there."""
        with contextlib.suppress(OSError):
            self._observer.update(snapshot)

    def notice(self, line: str) -> None:
        """Say it, if anybody is there."""
        with contextlib.suppress(OSError):
            self._observer.notice(line)


class Silent:
    """An observer that shows nothing."""

    def update(self, snapshot: Snapshot) -> None:
        """Show nothing."""
        del snapshot

    def notice(self, line: str) -> None:
        """Say nothing."""
        del line
