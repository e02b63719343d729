"""Studies of our own that come with the package, as records."""

from importlib.resources import files
from pathlib import Path

from bestiary.evidence._own import own_evidence
from bestiary.evidence._record import Evidence
from bestiary.store import is_records, read_records

FOLDER = Path(str(files("bestiary.evidence"))) / "recorded"


def recorded_studies() -> dict[str, Path]:
    """The records that come with the package, by the name of their study."""
    found = sorted(path for path in FOLDER.glob("*.gz") if is_records(path))
    return {path.name.partition(".")[0]: path for path in found}


def recorded_evidence(path: Path, assumed_noise: float | None = None) -> Evidence:
    """What a study saw, from its records.

    Args:
        path: The file.
        assumed_noise: As of `own_evidence`.

    Raises:
        UserError: the file is not there, or not what was written.
    """
    held = read_records(path)
    return own_evidence(
        held.study,
        held.planned,
        held.results,
        command=held.command,
        price=held.price,
        assumed_noise=assumed_noise,
    )
