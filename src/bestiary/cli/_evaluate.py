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
from bestiary.cli._one_run import TOKENIZER
from bestiary.errors import UserError
from bestiary.specs import Scores, Spec, TaskScore

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
        run: The folder of a finished `bestiary train`; scores are kept in it.
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
            f"evaluate needs a folder that `bestiary train` wrote, got {flags.run!r}; "
            "bestiary evaluate RUN_FOLDER --tasks study"
        )
    os.environ.setdefault("TQDM_DISABLE", "1")  # the harness's bars; a line now and then is ours
    scores = _asked(flags, folder) if flags.tasks else _kept(folder)
    if flags.json:
        print_json(msgspec.to_builtins(scores))
        return
    show([row for one in scores.tasks.values() for row in score_rows(one)], COLUMNS, as_json=False)


def _asked(flags: Flags, folder: Path) -> Scores:
    from bestiary.downstream import asked_for, evaluate, load_tasks
    from bestiary.train import trained

    asked = asked_for(flags.tasks)
    ((spec, params),) = trained(folder)
    return evaluate(
        spec,
        params,
        folder,
        load_tasks(asked),
        tokenizer=folder / TOKENIZER,
        limit=flags.limit,
        told=_Progress(),
    )


def _kept(folder: Path) -> Scores:
    from bestiary.store import kept_scores

    found = kept_scores(folder)
    if not found:
        raise UserError(f"{folder} has no scores yet; name tasks: --tasks study")
    return found[0]


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
    """A line on stderr now and then."""

    def __init__(self) -> None:
        self._cadence = Cadence()

    def __call__(self, task: str, done: int, of: int) -> None:
        if self._cadence.due() or done == of:
            print(f"{task}: {done} of {of} answers scored", file=sys.stderr, flush=True)
