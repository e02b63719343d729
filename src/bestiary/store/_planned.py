"""A planned run as a row of its table, and back."""

import json
from typing import Any

import msgspec

from bestiary.specs import Cell, Planned, RunSpec, canonical_json, run_id


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
