"""The scores of a run in one file beside it, which is what was written or is not read."""

import logging
from pathlib import Path

import msgspec

from bestiary.errors import BestiaryError
from bestiary.specs import Scores, Spec, canonical_json, digest
from bestiary.store._places import short
from bestiary.store._whole import read_whole, write_whole

_NAME = "scores-"
_LOG = logging.getLogger(__name__)


class _Sealed(Spec, frozen=True, kw_only=True):
    """Scores with the sha256 of their canonical JSON."""

    sha256: str
    scores: Scores


def write_scores(folder: Path, scores: Scores) -> Path:
    """Write them whole, on the disk, or not at all.

    Args:
        folder: Of the run, or of all runs of a study: each has a file; made where it is missing.
        scores: What to keep; replaces what is there.

    Returns:
        The file.

    Raises:
        BestiaryError: it cannot be written; what was there stays.
    """
    path = _file(folder, scores.run_id)
    text = canonical_json(_Sealed(sha256=digest(scores), scores=scores)) + "\n"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(path, text)
    except OSError as error:
        raise BestiaryError(
            f"the scores cannot be written to {path}: {error.strerror}; free space and evaluate "
            "again: tasks that were scored before stay"
        ) from None
    return path


def read_scores(folder: Path, identity: str) -> Scores:
    """The scores of a run; none where it has none.

    A file that is not what was written counts as not there, and a warning says so.

    Args:
        folder: Where they were written.
        identity: The run's id.
    """
    found = _read(_file(folder, identity))
    return found if found and found.run_id == identity else Scores(run_id=identity)


def kept_scores(folder: Path) -> list[Scores]:
    """The scores of every run in a folder, with the same care."""
    found = [_read(path) for path in sorted(folder.glob(f"{_NAME}*.json"))]
    return [one for one in found if one is not None]


def _read(path: Path) -> Scores | None:
    if not path.is_file():
        return None
    try:
        sealed = msgspec.json.decode(read_whole(path), type=_Sealed)
        if sealed.sha256 == digest(sealed.scores):
            return sealed.scores
    except (OSError, msgspec.DecodeError, UnicodeDecodeError):
        pass
    _LOG.warning("%s is not what was written and is not read; evaluate that run again", path)
    return None


def _file(folder: Path, identity: str) -> Path:
    return folder / f"{_NAME}{short(identity)}.json"
