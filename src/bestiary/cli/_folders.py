"""Which study folder a command means."""

from pathlib import Path

from bestiary.errors import UserError
from bestiary.store import StudyStore

PREFIX = "bestiary-"
LONGEST = 200


def default_folder(study: str) -> Path:
    """Where `bestiary run` puts a study that was given no folder.

    Raises:
        UserError: the name, which may be somebody else's, is no name of a folder here.
    """
    if "/" in study or not study.isprintable() or not 1 <= len(study.encode()) <= LONGEST:
        raise UserError(
            f"a name that makes a folder has 1 to {LONGEST} printable characters and no slash, got "
            f"{study[:80]!r}; name the folder with --out"
        )
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
