"""Launch: executors that train runs somewhere, and the driver loop, the only writer of results.

Each name is imported when it is first asked for: a worker is a module of this package and has no
use for its driver, and starts in a third of the time without it.
"""

from importlib import import_module as _import_module
from typing import TYPE_CHECKING as _TYPE_CHECKING

if _TYPE_CHECKING:
    from bestiary.launch._drive import drive as drive
    from bestiary.launch._executor import AbstractExecutor as AbstractExecutor
    from bestiary.launch._launcher import AbstractLauncher as AbstractLauncher
    from bestiary.launch._local import LocalExecutor as LocalExecutor
    from bestiary.launch._machine import cores as cores
    from bestiary.launch._memory import check_memory as check_memory
    from bestiary.launch._messages import Failed as Failed
    from bestiary.launch._messages import Finished as Finished
    from bestiary.launch._messages import Halted as Halted
    from bestiary.launch._messages import Job as Job
    from bestiary.launch._messages import Lost as Lost
    from bestiary.launch._messages import Progress as Progress
    from bestiary.launch._messages import Stopped as Stopped
    from bestiary.launch._pilot import Pilot as Pilot
    from bestiary.launch._pilots import PilotsExecutor as PilotsExecutor
    from bestiary.launch._populations import check_together as check_together
    from bestiary.launch._ray import RayLauncher as RayLauncher
    from bestiary.launch._rerun import rerun as rerun
    from bestiary.launch._reusing import ReusingExecutor as ReusingExecutor
    from bestiary.launch._slurm import SlurmLauncher as SlurmLauncher
    from bestiary.launch._snapshot import Running as Running
    from bestiary.launch._snapshot import Snapshot as Snapshot
    from bestiary.launch._standing import Standing as Standing
    from bestiary.launch._standing import standing as standing

_FILES = {
    "_drive": ("drive",),
    "_executor": ("AbstractExecutor",),
    "_launcher": ("AbstractLauncher",),
    "_local": ("LocalExecutor",),
    "_machine": ("cores",),
    "_memory": ("check_memory",),
    "_messages": ("Failed", "Finished", "Halted", "Job", "Lost", "Progress", "Stopped"),
    "_pilot": ("Pilot",),
    "_pilots": ("PilotsExecutor",),
    "_populations": ("check_together",),
    "_ray": ("RayLauncher",),
    "_rerun": ("rerun",),
    "_reusing": ("ReusingExecutor",),
    "_slurm": ("SlurmLauncher",),
    "_snapshot": ("Running", "Snapshot"),
    "_standing": ("Standing", "standing"),
}
_FILE_OF = {name: file for file, names in _FILES.items() for name in names}


def __getattr__(name: str) -> object:
    """What is asked for the first time."""
    if name not in _FILE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(_import_module(f"{__name__}.{_FILE_OF[name]}"), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return [*_FILE_OF]
