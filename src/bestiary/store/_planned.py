"""A planned run as a row of its table, and back."""

import json
import re
from hashlib import sha256
from typing import Any

import msgspec

from bestiary.specs import Cell, Planned, RunSpec, canonical_json, run_id

# The corpus in a spec's canonical JSON, where the name alone is no part of the run's identity.
_CORPUS = re.compile(r'("data":\{"digest":"[0-9a-f]{64}","name":)"(?:[^"\\]|\\.)*"')


def row_of(planned: Planned) -> tuple[Any, ...]:
    """The values of the table's columns."""
    return (
        run_id(planned.run),
        planned.optimizer,
        planned.cell.size,
        planned.cell.ratio,
        planned.purpose,
        json.dumps(planned.configuration),
        canonical_json(planned.run),
    )


def planned_of(row: tuple[Any, ...]) -> Planned:
    """The run that the values of the table's columns state."""
    _, optimizer, size, ratio, purpose, configuration, spec = row
    return Planned(
        run=msgspec.json.decode(spec, type=RunSpec),
        optimizer=optimizer,
        cell=Cell(size=size, ratio=ratio),
        purpose=purpose,
        configuration=json.loads(configuration),
    )


def is_of_its_run(row: tuple[Any, ...]) -> bool:
    """Whether the run id of a row is that of its spec, told from the text without reading it."""
    identity, text = row[0], str(row[-1])
    if '"schema":1,' not in text:
        text = _CORPUS.sub(r'\1""', text, count=1)
    return bool(identity == sha256(text.encode(errors="surrogateescape")).hexdigest())
