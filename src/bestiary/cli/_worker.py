"""`bestiary worker`: train the orders of a study that `bestiary run --on pilots` drives."""

from pathlib import Path
from typing import Annotated

import tyro
from msgspec import Meta

from bestiary.cli._flags import Switch
from bestiary.cli._folders import study_folder
from bestiary.specs import Count, CountOrNone, Processes, Seconds, Spec


class Flags(Spec, frozen=True, kw_only=True):
    """Train for a study that runs on another terminal.

    Attributes:
        folder: The study's folder, on a disk that its driver sees too; not needed where there is
            only one here.
        workers: Processes that train; 0 for one per core, or per accelerator where there is one.
        devices: Devices of each run, laid over them as the machine chooses.
        patience: Seconds to wait for a driver before leaving.
        any_versions: Train although the driver runs other code or packages; its report says so.
        parent: A process whose end ends this one; for launchers. 0 for none.
        name: What its name among the pilots begins with; for launchers.
    """

    folder: tyro.conf.Positional[str] = ""
    workers: Processes = 0
    devices: Count = 1
    patience: Seconds = 600.0
    any_versions: Switch = False
    parent: CountOrNone = 0
    name: Annotated[str, Meta(pattern="^[A-Za-z0-9._-]*$", max_length=200)] = ""


def run(flags: Flags) -> None:
    """Serve until the driver ends, or until none comes any more."""
    from bestiary.cli._corpora import cache_folder
    from bestiary.launch import Pilot

    Pilot(
        _folder(flags.folder),
        cache_folder() / "corpora",
        workers=flags.workers or None,
        devices=flags.devices,
        any_versions=flags.any_versions,
        patience_seconds=flags.patience,
        parent=flags.parent,
        prefix=flags.name,
        say=_say,
    ).serve()


def _folder(given: str) -> Path:
    """The folder that was named, study or not yet: its driver may come later."""
    return Path(given) if given else study_folder(given)


def _say(line: str) -> None:
    print(line, flush=True)
