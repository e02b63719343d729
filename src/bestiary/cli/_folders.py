"""Which study folder a command means."""

from pathlib import Path

from bestiary.errors import UserError
from bestiary.store import StudyStore

PREFIX = "bestiary-"


def default_folder(study: str) -> Path:
    """Where `bestiary run` puts a study that was given no folder."""
    return Path(PREFIX + study)


def study_folder(given: str) -> Path:
    """The folder a user named, or the only study here.

    Raises:
        UserError: none was named, and there is not exactly one here.
    """
    if given:
        return Path(given)
    here = sorted(path.parent for path in Path().glob(f"{PREFIX}*/study.sqlite"))
    if len(here) == 1:
        return here[0]
    if not here:
        raise UserError("no study here; name its folder, or start one with `bestiary run`")
    raise UserError(f"several studies here, name one: {', '.join(map(str, here))}")


def reading(given: str) -> StudyStore:
    """Open the study read-only, also while a driver runs."""
    return StudyStore.open(study_folder(given), read_only=True)
