"""Results of equal runs in the folders of other studies: nothing is paid for twice."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import msgspec

from bestiary.errors import BestiaryError
from bestiary.specs import RunResult
from bestiary.store._places import STUDY_FILE
from bestiary.store._study import StudyStore

# Where a result was first computed, beside the rest of its environment.
TAKEN_FROM = "taken over from"


def results_elsewhere(folders: Iterable[Path], software: Mapping[str, str]) -> dict[str, RunResult]:
    """Results that can stand for a training here, by run id.

    The run id has the spec and the text in it; the program must be the same besides. What failed is
    no result. A folder that is gone, or is no study, has none.

    Args:
        folders: Of studies; of several with the same run the first counts.
        software: Entries of `RunResult.environment` that must be equal: versions and code.

    Returns:
        Each result with its own environment, and in it the folder that it is from.
    """
    found: dict[str, RunResult] = {}
    for folder in folders:
        for key, result in _results(folder).items():
            environment = result.environment
            same = all(environment.get(name) == value for name, value in software.items())
            if same and result.state != "failed" and key not in found:
                told = {TAKEN_FROM: str(folder.resolve()), **environment}
                found[key] = msgspec.structs.replace(result, environment=told)
    return found


def _results(folder: Path) -> dict[str, RunResult]:
    if not (folder / STUDY_FILE).is_file():
        return {}
    try:
        with StudyStore.open(folder, read_only=True) as store:
            return store.results()
    except BestiaryError:  # damaged, or of a newer Bestiary: its own commands say so
        return {}
