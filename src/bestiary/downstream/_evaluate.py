"""Ask a trained run the questions of downstream tasks."""

import contextlib
import hashlib
import json
import math
import os
import random
import sys
from collections.abc import Callable, Iterator, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from bestiary.data import kept_tokenizer
from bestiary.downstream._likelihoods import Likelihoods
from bestiary.downstream._tasks import FEW_SHOT_SEED, harness
from bestiary.errors import UserError
from bestiary.specs import RunSpec, Score, Scores, TaskScore, run_id
from bestiary.store import TOKENIZER, read_scores, write_scores

# Draws behind a standard error that no formula gives; the harness's own 100,000 take hours.
DRAWS_OF_ERRORS = 1_000


def evaluate(
    run: RunSpec,
    params: Any,
    folder: Path,
    tasks: Sequence[Any],
    *,
    tokenizer: Path,
    limit: int = 0,
    told: Callable[[str, int, int], None] = lambda task, done, of: None,
) -> Scores:
    """Ask a run every task that it was not asked yet, and keep its scores beside it.

    Args:
        run: What was trained.
        params: The parameters to evaluate.
        folder: Of its attempt, where the scores are kept after every task.
        tasks: As `load_tasks` gives them.
        tokenizer: The tokenizer.json of its corpus.
        limit: Documents of each task; 0 for all.
        told: Is told a task's name, and how many of how many of its questions are answered.

    Returns:
        All scores of the run, those from before too.

    Raises:
        UserError: there is no tokenizer, or a task's answers do not fit the model's context.
        BestiaryError: the scores cannot be written.
    """
    if not tokenizer.is_file():
        raise UserError(
            f"tasks are text, and {tokenizer} is missing: this run was given tokens; put the "
            f"{TOKENIZER} that made them there"
        )
    words = kept_tokenizer(tokenizer, run.model.vocabulary)
    likelihoods = Likelihoods(params, run.model, run.compute_dtype)
    scores = read_scores(folder, run_id(run))
    for task in tasks:
        with _undisturbed():
            found = _asked(task, likelihoods, words, limit=limit, before=scores, told=told)
        if scores.tasks.get(found.name) != found:
            scores = Scores(run_id=scores.run_id, tasks={**scores.tasks, found.name: found})
            write_scores(folder, scores)
    return scores


def _asked(
    task: Any,
    likelihoods: Likelihoods,
    words: Any,
    *,
    limit: int,
    before: Scores,
    told: Callable[[str, int, int], None],
) -> TaskScore:
    """The score of a task: that of before, where it was of the very same questions."""
    from bestiary.downstream._adapter import HarnessModel

    evaluator: Any = import_module("lm_eval.evaluator")
    _draw_as_always(task)
    task.build_all_requests(limit=limit or None)
    questions = _digest(task)
    name = f"{task.task_name}:{task.get_config('num_fewshot')}"
    known = before.tasks.get(name)
    if known is not None and (known.questions, known.harness) == (questions, harness()):
        return known
    _draw_as_always(task)
    model = HarnessModel(likelihoods, words, lambda done, of: told(name, done, of))
    found = evaluator.evaluate(
        model,
        {"tasks": {task.task_name: task}},
        limit=limit or None,
        bootstrap_iters=DRAWS_OF_ERRORS,
        log_samples=False,
    )
    return _task_score(task, found, questions)


def _task_score(task: Any, found: Any, questions: str) -> TaskScore:
    name = task.task_name
    counts = found["n-samples"][name]
    return TaskScore(
        task=name,
        few_shot=int(task.get_config("num_fewshot")),
        version=str(found["versions"].get(name, "")),
        harness=harness(),
        documents=int(counts["effective"]),
        available=int(counts["original"]),
        chance=_chance(task),
        questions=questions,
        metrics=_metrics(found["results"][name], found["higher_is_better"].get(name, {})),
    )


def _metrics(results: dict[str, Any], rises: dict[str, Any]) -> dict[str, Score]:
    """Metrics by name; that of a filter as `acc,strict`."""
    metrics = {}
    for key, value in results.items():
        metric, comma, kind = key.partition(",")
        if not comma or metric.endswith("_stderr"):
            continue
        metrics[metric if kind == "none" else key] = Score(
            value=_number(value),
            error=_number(results.get(f"{metric}_stderr,{kind}")),
            rises=bool(rises.get(metric, True)),
        )
    return metrics


def _number(value: Any) -> float | None:
    """A finite number; the harness writes N/A where there is none."""
    is_number = isinstance(value, int | float | np.number) and not isinstance(value, bool)
    return float(value) if is_number and math.isfinite(value) else None


def _chance(task: Any) -> float | None:
    """What a guess among the choices scores, on average over documents."""
    if task.OUTPUT_TYPE != "multiple_choice":
        return None
    choices: dict[int, int] = {}
    for one in task.instances:
        choices[one.doc_id] = choices.get(one.doc_id, 0) + 1
    return float(np.mean([1 / count for count in choices.values()])) if choices else None


def _digest(task: Any) -> str:
    """Of everything that is asked, in order."""
    text = json.dumps([[one.doc_id, one.idx, *map(str, one.args)] for one in task.instances])
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


def _draw_as_always(task: Any) -> None:
    """The same solved examples for every model, whoever draws them."""
    random.seed(FEW_SHOT_SEED)
    np.random.seed(FEW_SHOT_SEED)
    task.set_fewshot_seed(seed=FEW_SHOT_SEED)


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Let the harness neither print among results nor fork a process that holds JAX."""
    kept = random.getstate(), np.random.get_state()
    before = os.environ.get("DISABLE_MULTIPROC")
    os.environ["DISABLE_MULTIPROC"] = "1"
    try:
        with contextlib.redirect_stdout(sys.stderr):
            yield
    finally:
        del os.environ["DISABLE_MULTIPROC"]
        if before is not None:
            os.environ["DISABLE_MULTIPROC"] = before
        random.setstate(kept[0])
        np.random.set_state(kept[1])
