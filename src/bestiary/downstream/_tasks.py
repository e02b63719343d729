"""The tasks of lm-evaluation-harness: by name, or from a task file of one's own."""

import contextlib
import logging
import sys
from collections.abc import Sequence
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from bestiary.downstream._presets import TASK_LISTS
from bestiary.errors import BestiaryError, UserError, shortened, unknown

# Draws the solved examples before a question, the same for every model.
FEW_SHOT_SEED = 1234
_FILES = (".yaml", ".yml")


class Asked(NamedTuple):
    """A task as it was asked for.

    Attributes:
        name: Of a task, a group or a tag of the harness, or the path of a task file.
        few_shot: Solved examples before every question; None for what the task says itself.
    """

    name: str
    few_shot: int | None


def asked_for(lines: Sequence[str]) -> list[Asked]:
    """Read `study`, `arc_easy`, `arc_easy:10` and `my_task.yaml`, without the harness.

    Args:
        lines: As `--tasks` takes them.

    Raises:
        UserError: none was named.
    """
    if not lines:
        raise UserError(f"name the tasks: --tasks {next(iter(TASK_LISTS))}, or --tasks arc_easy:10")
    expanded = [name for line in lines for name in TASK_LISTS.get(line, (line,))]
    return [_asked(line) for line in dict.fromkeys(expanded)]


def _asked(line: str) -> Asked:
    name, colon, shots = line.rpartition(":")
    return Asked(name, int(shots)) if colon and shots.isdecimal() else Asked(line, None)


def load_tasks(asked: Sequence[Asked]) -> list[Any]:
    """The tasks with their documents, fetched where they are not here; groups as their tasks.

    Args:
        asked: As `asked_for` reads them.

    Raises:
        UserError: the package is missing, a task does not exist or generates text, or a task file
            is none.
        BestiaryError: a data set cannot be fetched.
    """
    harness()
    library: Any = import_module("lm_eval.tasks")
    of_files = library.TaskManager(include_defaults=False)
    everything = None
    tasks = []
    for one in asked:
        if one.name.endswith(_FILES):
            _check_file(Path(one.name), library)
            manager = of_files
        else:
            manager = everything = everything or library.TaskManager()
            if one.name not in manager.all_tasks:
                raise unknown("task", one.name, manager.all_tasks)
        tasks += [_prepared(task, one.few_shot) for task in _loaded(manager, one.name)]
    return tasks


def harness() -> str:
    """What asks, with its version.

    Raises:
        UserError: it is not installed.
    """
    try:
        import_module("lm_eval")
    except ImportError:
        raise UserError(
            "evaluating needs lm-evaluation-harness, which is missing; pip install 'bestiary[eval]'"
        ) from None
    for name in ("lm_eval", "huggingface_hub"):  # which tells of every retry
        logging.getLogger(name).setLevel(logging.ERROR)
    version: Any = import_module("importlib.metadata")
    return f"lm_eval {version.version('lm_eval')}"


def _loaded(manager: Any, name: str) -> list[Any]:
    """A task, or those of a group or tag."""
    try:
        with contextlib.redirect_stdout(sys.stderr):  # it prints, and results are what we print
            return list(manager.load([name])["tasks"].values())
    except FileNotFoundError as error:
        raise UserError(f"the data set of {name} does not exist: {_short(error)}") from None
    except OSError as error:  # what the network and the hub's client raise
        raise BestiaryError(
            f"the data set of {name} cannot be opened ({_short(error)}); with a network, or what "
            "it fetched before, the same command goes on"
        ) from None
    except Exception as error:  # whatever the harness and its libraries say of a file or data set
        raise UserError(f"the task {name} cannot be used: {_short(error)}") from None


def _prepared(task: Any, few_shot: int | None) -> Any:
    """The task with its solved examples; generating tasks are refused before any is asked."""
    name = task.task_name
    if task.OUTPUT_TYPE == "generate_until":
        raise UserError(
            f"{name} asks for generated text, and models of one pretraining are scored by the "
            "likelihood of given answers; leave it out"
        )
    if few_shot is not None:
        task.set_config(key="num_fewshot", value=few_shot)
    elif task.get_config("num_fewshot") is None:
        task.set_config(key="num_fewshot", value=0)
    return task


def _check_file(path: Path, library: Any) -> None:
    """Refuse what the harness would answer with a traceback, and name the nearest field."""
    if not path.is_file():
        raise UserError(f"no task file {path}; name a file or a task of the harness")
    loader: Any = import_module("lm_eval.tasks._yaml_loader")
    config: Any = import_module("lm_eval.config.task")
    try:
        stated = loader.load_yaml(path, resolve_func=False)
    except Exception as error:  # YAML's own errors, of several kinds
        raise UserError(f"{path} is not a task file: {_short(error)}") from None
    if "task" not in stated:
        raise UserError(f"{path} must state its name as `task`, got {', '.join(stated)[:80]}")
    known = [field.name for field in fields(config.TaskConfig)]
    if isinstance(stated["task"], str) and "class" not in stated and "group" not in stated:
        for field in stated:
            if field not in known:
                raise unknown(f"field of {path}", str(field), known)


def _short(error: Exception) -> str:
    first = str(error).strip().split("\n")[0] or type(error).__name__
    return shortened(first)[:200]
