"""The runs of a folder as a tracker sees them: a name, a configuration, and where they write."""

import re
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from bestiary.errors import UserError
from bestiary.specs import Evaluation, Planned, RunResult, RunSpec, run_id
from bestiary.store import StudyStore, metrics_file, read_whole

STUDY = "study.sqlite"


class Followed(NamedTuple):
    """One run.

    Attributes:
        identity: Its run id, or what its metrics file is called by.
        name: What a person calls it.
        settings: Everything that tells it from others, flat.
        metrics: Its file of metrics; of several attempts that of the last.
        evaluations: The losses on the validation sets; known when it has ended.
    """

    identity: str
    name: str
    settings: dict[str, Any]
    metrics: Path
    evaluations: tuple[Evaluation, ...] = ()


def followed(folder: Path) -> list[Followed]:
    """The runs of a study, or the one of a `bestiary train`, that have written anything yet.

    Raises:
        UserError: the folder holds neither.
    """
    if (folder / STUDY).is_file():
        return _of_study(folder)
    files = sorted(folder.glob("metrics-*.jsonl"))
    if not files:
        raise UserError(f"{folder} holds no run; name a study folder, or one of `bestiary train`")
    return [_alone(folder, path) for path in files]


def _of_study(folder: Path) -> list[Followed]:
    with StudyStore.open(folder, read_only=True) as store:
        planned, results = store.planned(), store.results()
        latest = {one.run_id: store.attempt_folder(one) for one in store.attempts()}
    found = [
        _planned(planned[identity], metrics_file(path, identity), results.get(identity))
        for identity, path in latest.items()
        if identity in planned
    ]
    return [one for one in found if one.metrics.is_file()]


def _planned(one: Planned, metrics: Path, result: RunResult | None) -> Followed:
    place = {"size": one.cell.size, "ratio": one.cell.ratio, "purpose": one.purpose}
    identity = run_id(one.run)
    name = f"{one.optimizer}-{one.cell.size}-{one.cell.ratio:g}x-{one.purpose}-{identity[:8]}"
    settings = {"optimizer": one.optimizer, **place, "seed": one.run.seed, **one.configuration}
    return Followed(identity, name, settings, metrics, result.evaluations if result else ())


def _alone(folder: Path, metrics: Path) -> Followed:
    """A run of `bestiary train`, whose spec and result are there when it has ended."""
    digits = re.sub(r"^metrics-", "", metrics.stem)
    spec, result = _read(folder / "run.json", RunSpec), _read(folder / "result.json", RunResult)
    settings: dict[str, Any] = {}
    name = f"{folder.name}-{digits[:8]}"
    if spec is not None:
        settings = {"optimizer": spec.optimizer.name, "seed": spec.seed, **spec.optimizer.settings}
        name = f"{spec.optimizer.name}-{digits[:8]}"
    return Followed(digits, name, settings, metrics, result.evaluations if result else ())


def _read(path: Path, kind: Any) -> Any:
    try:
        return msgspec.json.decode(read_whole(path), type=kind)
    except (OSError, ValueError):
        return None
