"""Several runs as one program: how many are faster so, which go together, where their files lie."""

import os
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bestiary.errors import UserError
from bestiary.specs import RunSpec, ScheduleSpec, Spec
from bestiary.store import metrics_file, read_whole

# How many runs one program trains where nobody says, by kind of device. On a CPU a process for each
# run is faster: of 16k, 65k and 1m parameters, 16 runs in one program made 0.73 to 0.89 of the
# tokens per second of one at a time (two cores of an AMD EPYC; `python -m benchmarks populations`
# measures it on any machine), for their arrays no longer fit its caches. An accelerator is left
# idle by models so small, but none was measured yet, so there it has to be asked for as well.
PREFERRED = {"cpu": 1, "accelerator": 1}
FILE = "population.json"


def check_together(devices: int, population: int) -> None:
    """Refuse several runs as one program over several devices.

    Raises:
        UserError: both are asked for.
    """
    if devices > 1 and population > 1:
        raise UserError(
            f"runs that are one program have one device, got {devices} for {population} of them; "
            "take one of --devices and --population"
        )


class Population(Spec, frozen=True, kw_only=True):
    """The runs that were trained together: their ids, the first being whose folder is shared."""

    runs: tuple[str, ...]


def alike(one: RunSpec, other: RunSpec) -> bool:
    """Whether two runs may be one program.

    They may differ in seed, in the numbers of their schedule, and in those hyperparameters that are
    real numbers. Of these a few are compiled in; training then refuses, and each runs alone.
    """
    return one.model == other.model and _shape(one) == _shape(other)


def _shape(run: RunSpec) -> RunSpec:
    settings = {
        name: 0.0 if isinstance(value, float) else value
        for name, value in run.optimizer.settings.items()
    }
    return msgspec.structs.replace(
        run,
        seed=0,
        schedule=ScheduleSpec(kind=run.schedule.kind),
        optimizer=msgspec.structs.replace(run.optimizer, settings=settings),
    )


def lay(folders: Sequence[Path], identities: Sequence[str]) -> None:
    """Note in every run's own folder who trains with it; all write in the first one's.

    Whoever follows a run's metrics finds them at their place: a link while it trains.

    Args:
        folders: Of the attempts, one for each run.
        identities: The ids of the runs.
    """
    shared = folders[0]
    for folder, identity in zip(folders, identities, strict=True):
        folder.mkdir(parents=True, exist_ok=True)
        note = msgspec.json.encode(Population(runs=tuple(identities)))
        (folder / FILE).write_bytes(note)
        if folder != shared:
            link = metrics_file(folder, identity)
            link.symlink_to(os.path.relpath(metrics_file(shared, identity), folder))


def members(folder: Path) -> tuple[str, ...]:
    """Which runs were trained in an attempt's folder together; none where one was alone."""
    try:
        return msgspec.json.decode(read_whole(folder / FILE), type=Population).runs
    except (OSError, msgspec.DecodeError):
        return ()


def settle(shared: Path, folder: Path, identity: str) -> None:
    """Move the metrics of a run that has its result from the shared folder to its own."""
    written = metrics_file(shared, identity)
    if folder != shared and written.exists():
        os.replace(written, metrics_file(folder, identity))
