"""A quickstart as one laptop trained it: every run's losses, without its training curve."""

from functools import cache
from pathlib import Path

from bestiary.evidence import Evidence, recorded_evidence

RECORDS = Path(__file__).parent / "goldens" / "quickstart.records.jsonl.gz"


@cache
def quickstart() -> Evidence:
    """What that study saw."""
    return recorded_evidence(RECORDS)
