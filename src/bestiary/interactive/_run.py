"""A study, carried out from Python; `bestiary run` goes on with the same folder."""

from collections.abc import Callable
from pathlib import Path

from bestiary.interactive._open import Opened, open
from bestiary.interactive._stated import Text, sources, stated
from bestiary.specs import DataSpec, Study


def run_study(
    study: str | Callable[[DataSpec], Study] = "quickstart",
    *,
    out: str | Path = "",
    data: Text = (),
    tokenizer: str = "byte",
    workers: int = 0,
) -> Opened:
    """Run a study, or go on with it where it was, and open it.

        found = bestiary.run_study("quickstart")

    Args:
        study: A named study (`bestiary studies`), FILE.toml, FILE.py:FUNCTION, or a function from
            the corpus to a `Study`.
        out: Its folder; by default `bestiary-STUDY` here.
        data: `stdlib` (the default), or files or folders of text, as `bestiary run --data`.
        tokenizer: `byte`, or the path of a tokenizer.json.
        workers: Processes that train; 0 for one per core or accelerator.

    Raises:
        UserError: the study does not exist or cannot run, or another process drives it.
        StopRequested: it was interrupted; the same call goes on.
    """
    from rich.console import Console

    from bestiary.cli._corpora import cache_folder, here
    from bestiary.cli._folders import default_folder
    from bestiary.cli._live import display
    from bestiary.cli._questions import asked
    from bestiary.cli._run import Flags
    from bestiary.launch import LocalExecutor, check_memory, drive
    from bestiary.store import StudyStore

    flags = stated(Flags(data=sources(data), tokenizer=tokenizer, workers=workers, out=str(out)))
    question, _ = asked(study, here(flags.data), flags.tokenizer)
    folder = Path(out) if out else default_folder(question.name)
    executor = LocalExecutor(cache_folder() / "corpora", workers=workers or None)
    check_memory(question, executor.slots)
    command = f"bestiary.run_study({study if isinstance(study, str) else study.__name__!r})"
    with (
        StudyStore.create(folder, question, command=command) as store,
        executor,
        display(Console()) as observer,
    ):
        drive(store, executor, observer)
    return open(folder)
