"""One training in one folder: begun, gone on with, or read where it is finished."""

import hashlib
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import msgspec
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from bestiary.cli._cadence import Cadence
from bestiary.cli._listing import is_live
from bestiary.data import Corpus
from bestiary.errors import BestiaryError, StopRequested, UserError
from bestiary.specs import ONE_DEVICE, Placement, RunResult, RunSpec, canonical_json, run_id
from bestiary.store import RUN, TOKENIZER, read_whole, write_whole

if TYPE_CHECKING:
    from bestiary.cli._run_mirror import RunMirror

RESULT, SUM = "result.json", "result.json.sha256"


class Told(Protocol):
    """Whoever is told how far a run is."""

    def __call__(self, step: int, loss: float, /) -> None:
        """Steps taken, and the latest training loss."""


def go_on(
    spec: RunSpec,
    corpus: Corpus,
    folder: Path,
    placement: Placement = ONE_DEVICE,
    attention: str = "",
    mirror: "RunMirror | None" = None,
) -> RunResult:
    """Train a run in a folder, from its checkpoint where it was interrupted.

    Of several processes the first writes the result.

    Args:
        spec: The run.
        corpus: Its text.
        folder: Its folder.
        placement: The mesh of devices.
        attention: The form of attention.
        mirror: The folder elsewhere.

    Raises:
        UserError: the folder holds another run.
        StopRequested: by Ctrl-C or SIGTERM; the checkpoint is written.
    """
    from bestiary.train import Policy, leads, train

    if mirror is not None:
        mirror.bring(spec)
    if (finished := _finished(spec, folder)) is not None:
        if mirror is not None:
            mirror.finish()
        print(f"trained before, not again; this is its result in {folder}", file=sys.stderr)
        return finished
    with progress(spec.steps, shown=leads()) as told:
        policy = Policy(
            resume_from=folder,
            checkpoint_final=True,
            progress=told,
            placement=placement,
            attention=attention,
        )
        if mirror is not None:
            policy = replace(policy, saved=mirror.saved)
        try:
            (result,) = train([spec], corpus, folder, policy)
        except StopRequested as stop:
            raise StopRequested(f"{stop}: the same command does", stop.signal) from None
    if not leads():
        return result
    if (tokenizer := corpus.tokenizer_json) is not None:
        _write(folder / TOKENIZER, tokenizer)
    text = canonical_json(result) + "\n"
    _write(folder / RUN, canonical_json(spec) + "\n")
    _write(folder / SUM, _sum(text.encode()))
    _write(folder / RESULT, text)
    if mirror is not None:
        mirror.finish()
    return result


def weights_of(folder: Path) -> tuple[RunSpec, Any]:
    """The run of a folder and the parameters of its last checkpoint, those to evaluate.

    Of a population's checkpoint, those of the run that the folder is of.

    Raises:
        UserError: there is no checkpoint, or not of that run.
        BestiaryError: it is not what was written.
    """
    from bestiary.train import trained

    runs = trained(folder)
    if len(runs) == 1:
        return runs[0]
    try:
        own = msgspec.json.decode(read_whole(folder / RUN), type=RunSpec)
    except (OSError, msgspec.MsgspecError, UnicodeDecodeError):
        raise UserError(
            f"{folder} holds several runs, and no {RUN} says which is meant; name another folder"
        ) from None
    found = next((one for one in runs if run_id(one[0]) == run_id(own)), None)
    if found is None:
        raise UserError(f"{folder} holds other runs than its {RUN}; name another folder")
    return found


def _finished(spec: RunSpec, folder: Path) -> RunResult | None:
    """The result of this run where it lies in the folder already."""
    if not (folder / RESULT).is_file():
        return None
    try:
        text = read_whole(folder / RESULT)
        result = msgspec.json.decode(text, type=RunResult)
    except (msgspec.DecodeError, UnicodeDecodeError, OSError):
        _set_aside(folder)
        return None
    if (folder / SUM).is_file() and (folder / SUM).read_text(errors="replace") != _sum(text):
        _set_aside(folder)
        return None
    if result.run_id != run_id(spec):
        raise UserError(f"{folder} holds another run ({result.run_id[:12]}); choose another --out")
    return result


def _set_aside(folder: Path) -> None:
    """Keep a result that is not what was written, unread; the run goes on from its checkpoint."""
    aside = folder / f"damaged-{RESULT}"
    (folder / RESULT).replace(aside)
    print(
        f"{folder / RESULT} is not what was written; it is kept as {aside}, and the run goes on "
        "from its checkpoint",
        file=sys.stderr,
    )


def _sum(text: bytes) -> str:
    """What `sha256sum -c` reads."""
    return f"{hashlib.sha256(text).hexdigest()}  {RESULT}\n"


def _write(path: Path, text: str) -> None:
    try:
        write_whole(path, text)
    except OSError as error:
        raise BestiaryError(
            f"the run is trained, but {path} cannot be written: {error.strerror}; free space, then "
            "the same command reads it from the checkpoint"
        ) from None


@contextmanager
def progress(steps: int, *, shown: bool = True) -> Iterator[Told]:
    """A live line on a terminal, and a plain line now and then anywhere else (on stderr)."""
    if not shown:
        yield lambda step, loss: None
        return
    console = Console(stderr=True)
    if not is_live(console):
        yield _Log(steps)
        return
    columns = (
        TextColumn("step {task.completed:,.0f} of {task.total:,.0f}"),
        BarColumn(),
        TextColumn("{task.fields[seen]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=steps, seen="starting")

        def told(step: int, loss: float, /) -> None:
            bar.update(task, completed=step, seen=f"loss {loss:.4f}")

        yield told


class _Log:
    """Plain lines, ever more rarely, and one at the end."""

    def __init__(self, steps: int) -> None:
        self._steps = steps
        self._cadence = Cadence()

    def __call__(self, step: int, loss: float, /) -> None:
        if self._cadence.due() or step == self._steps:
            print(f"step {step} of {self._steps}, loss {loss:.4f}", file=sys.stderr, flush=True)
