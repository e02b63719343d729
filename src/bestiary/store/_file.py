"""The study file itself: is there one, lay a new one, and the text of a study."""

import contextlib
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from bestiary.specs import Study, checked, digest
from bestiary.store import _schema
from bestiary.store._connection import connect, one_line_errors, transaction
from bestiary.store._places import STUDY_FILE
from bestiary.store._seals import seal

FILE = STUDY_FILE


def holds_study(path: Path) -> bool:
    """Whether a study lies there, without changing a byte of what lies there."""
    if not path.is_file() or path.stat().st_size == 0:
        return False
    with one_line_errors(path), contextlib.closing(connect(path, read_only=True)) as connection:
        found = _schema.version(connection)
        _schema.refuse_newer(found, path)
        return found > 0


def lay(folder: Path, study: Study, text: str, command: str, begun_with: dict[str, str]) -> None:
    """Create the folder and the file with its tables and its study, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / FILE
    path.touch()
    meta = {"study": text, "digest": digest(study), "command": command, "created": now()}
    meta["software"] = msgspec.json.encode(begun_with).decode()
    with contextlib.closing(connect(path)) as connection, transaction(connection):
        if _schema.version(connection) == 0:  # or another process was faster
            _schema.lay(connection)
            connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            seal(connection, "meta")


def ordered_json(study: Study) -> str:
    """The study with its fields in their own order: the order of a grid is that of its tuning."""
    return msgspec.json.encode(checked(study)).decode()


def now() -> str:
    """The time for people, ISO 8601 in UTC; nothing is decided by it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
