"""The hyperparameters of an optimizer in words, read from the types of its record."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from bestiary.optimizers._interface import Optimizer
from bestiary.specs import Setting


@dataclass(frozen=True, kw_only=True)
class Described:
    """One coordinate of a configuration.

    Attributes:
        name: Its name in settings.
        meaning: What it is.
        range: The values it takes, in words.
        kind: `traced` floats are data of the compiled step, so that a sweep compiles once;
            `static` values change the program; `run` coordinates belong to the run.
        start: The starting point at 130M, 1x Chinchilla.
        grid: The grid there; empty where it is not tuned.
    """

    name: str
    meaning: str
    range: str
    kind: Literal["traced", "static", "run"]
    start: Setting
    grid: tuple[Setting, ...]


def described(entry: Optimizer) -> tuple[Described, ...]:
    """Every hyperparameter, then the run coordinates of the starting point."""
    own = []
    for name, field in entry.fields.items():
        schema = msgspec.json.schema(field.type)
        own.append(
            Described(
                name=name,
                meaning=schema.get("description", ""),
                range=_range(schema),
                kind="static" if name in entry.static else "traced",
                start=entry.defaults[name],
                grid=tuple(entry.grid.get(name, ())),
            )
        )
    run = [
        Described(
            name=name,
            meaning=_OF_THE_RUN[name][0],
            range=_OF_THE_RUN[name][1],
            kind="run",
            start=start,
            grid=tuple(entry.grid.get(name, ())),
        )
        for name, start in entry.run.items()
    ]
    return (*own, *run)


# Meaning and range of the coordinates that belong to the run.
_OF_THE_RUN = {
    "batch_size": ("sequences a step", "1 <= x"),
    "warmup_fraction": ("share of the steps that warm up", "0 <= x <= 1"),
    "warmup_steps": ("steps over which the rate rises to its peak", "0 <= x"),
    "decay_fraction": ("share of the steps, at the end, over which it falls", "0 <= x <= 1"),
    "final_fraction": ("rate at the end, as a share of the peak", "0 <= x <= 1"),
}


def _range(schema: dict[str, Any]) -> str:
    """The bounds of a JSON schema in words: `0 <= x < 1`, or the choices."""
    if "enum" in schema:
        return ", ".join(map(str, schema["enum"]))
    low = [f"{schema[key]:g} {sign} " for key, sign in _LOWER.items() if key in schema]
    high = [f" {sign} {schema[key]:g}" for key, sign in _UPPER.items() if key in schema]
    return f"{''.join(low)}x{''.join(high)}" if low or high else str(schema.get("type", ""))


_LOWER = {"minimum": "<=", "exclusiveMinimum": "<"}
_UPPER = {"maximum": "<=", "exclusiveMaximum": "<"}
