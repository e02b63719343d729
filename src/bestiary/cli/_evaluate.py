"""`bestiary evaluate`: what a trained model scores on downstream tasks."""

import os
import sys
from pathlib import Path
from typing import Annotated, Any

import msgspec
import tyro
from msgspec import Meta

from bestiary.cli._cadence import Cadence
from bestiary.cli._flags import Repeated, Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._one_run import weights_of
from bestiary.errors import UserError
from bestiary.specs import Spec, TaskScore
from bestiary.store import SCORES, STUDY_FILE, TOKENIZER, StudyStore, kept_scores

SHOWN_DIGITS = 12
COLUMNS = {
    "task": "task",
    "shots": "shots",
    "metric": "metric",
    "score": "score",
    "error": "standard error",
    "chance": "chance",
    "documents": "documents",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Ask a trained model the questions of downstream tasks.

    Attributes:
        run: The folder of a finished `bestiary train`, or of a study that was run with
            --keep-weights; scores are kept in it, and a study's report shows them.
        tasks: A task of lm-evaluation-harness as `arc_easy`, or with its solved examples as
            `arc_easy:10`, a task file of yours as `mine.yaml`, or `study` for the published
            study's list. May be given several times; without, the scores that are there are shown.
        limit: Documents of each task, the first ones; 0 for all.
        json: Print the scores as JSON.
    """

    run: tyro.conf.Positional[str] = ""
    tasks: Repeated = ()
    limit: Annotated[int, Meta(ge=0, lt=2**31)] = 0
    json: Switch = False


def run(flags: Flags) -> None:
    """Score what was not scored yet, and show all scores."""
    folder = Path(flags.run)
    if not flags.run or not folder.is_dir():
        raise UserError(
            "evaluate needs a folder that `bestiary train` wrote, or of a study, got "
            f"{flags.run[:80]!r}; bestiary evaluate FOLDER --tasks study"
        )
    os.environ.setdefault("TQDM_DISABLE", "1")  # the harness's bars; a line now and then is ours
    is_study = (folder / STUDY_FILE).exists()
    kept = folder / SCORES if is_study else folder
    reported = _reported(folder) if is_study else {}
    if flags.tasks:
        _ask(flags, _weights(folder, reported) if is_study else {folder.name: folder}, kept)
    found = kept_scores(kept)
    if not found:
        raise UserError(f"{folder} has no scores yet; name tasks: --tasks study")
    if flags.json:
        print_json([msgspec.to_builtins(one) for one in found])
        return
    rows = [
        {"run": reported.get(one.run_id, (one.run_id[:SHOWN_DIGITS],))[0], **row}
        for one in found
        for task in one.tasks.values()
        for row in score_rows(task)
    ]
    show(rows, {"run": "run", **COLUMNS} if is_study else COLUMNS, as_json=False)


def _reported(folder: Path) -> dict[str, tuple[str, Path]]:
    """The finished reported runs of a study by id: in words, and where their weights would lie."""
    with StudyStore.open(folder, read_only=True) as store:
        planned, results = store.planned(), store.results()
        return {
            identity: (
                f"{one.optimizer} {one.cell.size} {one.cell.ratio:g}x seed {one.run.seed}",
                store.weights_folder(identity),
            )
            for identity, one in planned.items()
            if one.purpose == "report" and identity in results and results[identity].state == "done"
        }


def _weights(folder: Path, reported: dict[str, tuple[str, Path]]) -> dict[str, Path]:
    """Those whose weights are there, by their words.

    Raises:
        UserError: none has.
    """
    there = {name: path for name, path in reported.values() if path.is_dir()}
    if not there:
        raise UserError(
            f"no run of {folder} kept its weights; `bestiary run --keep-weights` keeps those of "
            "reported runs that it trains"
        )
    if lost := len(reported) - len(there):
        print(f"{lost} of {len(reported)} reported runs have no weights", file=sys.stderr)
    return there


def _ask(flags: Flags, weights: dict[str, Path], kept: Path) -> None:
    """Load the tasks once, then ask every model."""
    from bestiary.downstream import asked_for, evaluate, load_tasks

    tasks = load_tasks(asked_for(flags.tasks))
    for name, folder in weights.items():
        spec, params = weights_of(folder)
        tokenizer = folder / TOKENIZER
        told = _Progress(name)
        evaluate(spec, params, kept, tasks, tokenizer=tokenizer, limit=flags.limit, told=told)


def score_rows(one: TaskScore) -> list[dict[str, Any]]:
    """A row for every metric, the one that stands for the task first."""
    names = sorted(one.metrics, key=lambda name: name != one.headline)
    return [
        {
            "task": one.task,
            "shots": one.few_shot,
            "metric": name,
            "score": one.metrics[name].value,
            "error": one.metrics[name].error,
            "chance": one.chance if name.startswith("acc") else None,
            "documents": one.documents,
        }
        for name in names
    ]


class _Progress:
    """A line on stderr now and then, on one run."""

    def __init__(self, run: str) -> None:
        self._run = run
        self._cadence = Cadence()

    def __call__(self, task: str, done: int, of: int) -> None:
        if self._cadence.due() or done == of:
            line = f"{self._run}: {task}: {done} of {of} answers scored"
            print(line, file=sys.stderr, flush=True)
