"""What a person sees while a study runs: a live display, or plain lines where output is piped."""

from types import TracebackType
from typing import Self

from rich.console import Console, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from bestiary.cli._cadence import Cadence
from bestiary.cli._listing import is_live
from bestiary.launch import Running, Snapshot
from bestiary.specs import duration

RUNNING_SHOWN = 6
BAR_COLUMNS = 60


def display(console: Console) -> "LiveDisplay | PlainLog":
    """The display that fits where the output goes."""
    return LiveDisplay(console) if is_live(console) else PlainLog(console)


class LiveDisplay:
    """Redrawn in place: progress, time left, the best loss of each optimizer, what is running."""

    def __init__(self, console: Console) -> None:
        """Show on this terminal."""
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        """Begin to show."""
        self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Leave the terminal as it was."""
        self._live.stop()

    def update(self, snapshot: Snapshot) -> None:
        """Redraw."""
        self._live.update(drawn(snapshot), refresh=True)

    def notice(self, line: str) -> None:
        """Print above the display."""
        self._live.console.print(Text(line))


class PlainLog:
    """A line now and then, ever more rarely."""

    def __init__(self, console: Console) -> None:
        """Write to this stream."""
        self._console = console
        self._cadence = Cadence()
        self._last: Snapshot | None = None
        self._said = ""

    def __enter__(self) -> Self:
        """Nothing to begin."""
        return self

    def __exit__(self, *exception: object) -> None:
        """Say where it ended."""
        if self._last is not None:
            self._say(self._last)

    def update(self, snapshot: Snapshot) -> None:
        """Say a line if one is due."""
        self._last = snapshot
        if self._cadence.due():
            self._say(snapshot)

    def notice(self, line: str) -> None:
        """Say it at once."""
        self._console.print(Text(line), soft_wrap=True)

    def _say(self, snapshot: Snapshot) -> None:
        parts = (headline(snapshot), best(snapshot), training(snapshot))
        text = "; ".join(part for part in parts if part)
        if text != self._said:
            self._said = text
            self._console.print(Text(text), soft_wrap=True)


def headline(snapshot: Snapshot) -> str:
    """Runs done of planned and the time, for instance `12 of 54 runs, 1 min 3 s, about ...`."""
    parts = [f"{snapshot.done - snapshot.failed} of at most {snapshot.planned} runs"]
    parts += [f"{snapshot.diverged} diverged"] if snapshot.diverged else []
    parts += [f"{snapshot.failed} failed"] if snapshot.failed else []
    parts += [f"{duration(snapshot.seconds_elapsed)} so far"]
    if snapshot.seconds_left is not None:
        parts.append(f"about {duration(snapshot.seconds_left)} left")
    return ", ".join(parts)


def best(snapshot: Snapshot) -> str:
    """The best selection loss of each optimizer so far, in the cell that all have begun."""
    if snapshot.best_cell is None or not snapshot.best:
        return ""
    losses = ", ".join(f"{name} {loss:.4f}" for name, loss in snapshot.best.items())
    return f"best at {snapshot.best_cell.size} {snapshot.best_cell.ratio:g}x: {losses}"


def training(snapshot: Snapshot) -> str:
    """What is being trained, for instance `training muon 65k 1x (step 40 of 640)`."""
    runs = [
        f"{one.optimizer} {one.cell.size} {one.cell.ratio:g}x ({_step(one)})"
        for one in snapshot.running[:RUNNING_SHOWN]
    ]
    return f"training {', '.join(runs)}" if runs else ""


def _step(one: Running) -> str:
    return f"step {one.step:,} of {one.steps:,}" if one.step else "starting"


def drawn(snapshot: Snapshot) -> Group:
    """The live display of one moment."""
    # In a table, which ends its lines and is as narrow as the terminal: a bar does neither.
    bar = Table.grid()
    bar.add_column(max_width=BAR_COLUMNS)
    bar.add_row(ProgressBar(total=max(1, snapshot.planned), completed=snapshot.done))
    running = Table.grid(padding=(0, 2))
    for one in snapshot.running[:RUNNING_SHOWN]:
        running.add_row(*_running(one))
    hidden = len(snapshot.running) - RUNNING_SHOWN
    more = [Text(f"and {hidden} more", style="dim")] if hidden > 0 else []
    return Group(Text(headline(snapshot), style="bold"), bar, Text(best(snapshot)), running, *more)


def _running(one: Running) -> tuple[Text, ...]:
    again = f" (attempt {one.attempt})" if one.attempt > 1 else ""
    return (
        Text(one.purpose, style="dim"),
        Text(one.optimizer),
        Text(f"{one.cell.size} {one.cell.ratio:g}x"),
        Text(_step(one) + again, style="dim"),
        Text("" if one.loss is None else f"loss {one.loss:.4f}"),
    )
