"""Which study folders this user has run: a list beside the cache, for results to be found again."""

import contextlib
import os
from pathlib import Path

from bestiary.cli._corpora import cache_folder
from bestiary.store import STUDY_FILE, read_whole

FILE = "studies.txt"
MOST = 200


def remembered() -> list[Path]:
    """The folders that are still there, the newest first."""
    try:
        lines = read_whole(_file()).decode().splitlines()
    except (OSError, UnicodeError):
        return []
    return [Path(line) for line in reversed(lines) if _is_study(Path(line))]


def remember(folder: Path) -> None:
    """Add a folder; where the cache takes no file, nothing is remembered."""
    known = [one for one in remembered() if one != folder.resolve()]
    lines = [str(one) for one in (*reversed(known), folder.resolve())][-MOST:]
    if not _is_off() and all(line.isprintable() for line in lines):
        with contextlib.suppress(OSError):
            _file().parent.mkdir(parents=True, exist_ok=True)
            beside = _file().with_name(f"{FILE}.{os.getpid()}.part")
            beside.write_text("".join(f"{line}\n" for line in lines))
            os.replace(beside, _file())


def _is_study(folder: Path) -> bool:
    """Whether a study is still there, as far as this user may look."""
    try:
        return (folder / STUDY_FILE).is_file()
    except OSError:  # of somebody else by now, or no name of a folder
        return False


def _is_off() -> bool:
    return os.environ.get("BESTIARY_STUDIES", "") == "off"


def _file() -> Path:
    return Path(os.devnull) if _is_off() else cache_folder() / FILE
