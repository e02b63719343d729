"""The weights of a finished run, where no tidying finds them."""

import os
import shutil
from pathlib import Path

from bestiary.specs import RunSpec, canonical_json
from bestiary.store import CHECKPOINTS, RUN, TOKENIZER, remove


def keep(trained: Path, there: Path, run: RunSpec) -> None:
    """Keep the last checkpoint of a run, before its result is committed.

    What lies there already is of a driver that died just then; it has the same bits. A population's
    checkpoint holds every member: each keeps it, without its bytes twice where the disk can, and
    run.json says whose folder it is.

    Args:
        trained: Where it was trained.
        there: The folder to make.
        run: The run.
    """
    remove(there)
    there.mkdir(parents=True)
    if (trained / CHECKPOINTS).is_dir():
        shutil.copytree(trained / CHECKPOINTS, there / CHECKPOINTS, copy_function=_linked)
    if (trained / TOKENIZER).is_file():
        shutil.copy2(trained / TOKENIZER, there / TOKENIZER)
    (there / RUN).write_text(canonical_json(run) + "\n", encoding="utf-8")


def _linked(source: str, copy: str) -> None:
    """The same bytes under another name; a copy where the file system has no links."""
    try:
        os.link(source, copy)
    except OSError:
        shutil.copy2(source, copy)
