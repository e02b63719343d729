"""A quickstart as one laptop trained it: every run's losses, without its training curve."""

import gzip
import json
from functools import cache
from pathlib import Path

import msgspec

from bestiary.evidence import Evidence, own_evidence
from bestiary.specs import Planned, RunResult
from bestiary.store import read_study

RECORDS = Path(__file__).parent / "goldens" / "quickstart.json.gz"


@cache
def quickstart() -> Evidence:
    """What that study saw."""
    held = json.loads(gzip.decompress(RECORDS.read_bytes()))
    return own_evidence(
        read_study(json.dumps(held["study"])),
        msgspec.convert(held["planned"], dict[str, Planned]),
        msgspec.convert(held["results"], dict[str, RunResult]),
    )
