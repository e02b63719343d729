"""`bestiary optimizers`: the catalogue, or one optimizer in full."""

from typing import Any

import msgspec
import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._listing import console, print_json, show
from bestiary.errors import UserError, unknown
from bestiary.specs import Spec

COLUMNS = {"name": "name", "label": "optimizer", "family": "family", "summary": "what it does"}
FIELDS = {
    "name": "hyperparameter",
    "meaning": "meaning",
    "range": "range",
    "start": "start",
    "grid": "the study's grid",
    "kind": "kind",
}
ACTIONS = ("list", "show")


class Flags(Spec, frozen=True, kw_only=True):
    """List the optimizers, or show one in full.

    Attributes:
        action: `list`, or `show` one.
        name: The one to show.
        json: Print JSON.
    """

    action: tyro.conf.Positional[str] = "list"
    name: tyro.conf.Positional[str] = ""
    json: Switch = False


def run(flags: Flags) -> None:
    """Print the catalogue or an entry."""
    if flags.action not in ACTIONS:
        raise unknown("action", flags.action, ACTIONS)
    if flags.action == "list":
        _list(flags.json)
    elif flags.name:
        _show(flags.name, as_json=flags.json)
    else:
        raise UserError("name the optimizer: bestiary optimizers show NAME")


def _list(as_json: bool) -> None:
    from bestiary.optimizers import CATALOGUE

    records = [
        {
            "name": entry.name,
            "label": entry.label,
            "family": entry.family,
            "summary": entry.summary,
            "paper": entry.paper,
            "schedule": entry.schedule,
        }
        for entry in CATALOGUE.values()
    ]
    show(records, COLUMNS, as_json=as_json)


def _show(name: str, *, as_json: bool) -> None:
    from bestiary.optimizers import lookup

    entry = lookup(name)
    fields = [_field(entry, field) for field in entry.fields]
    fields += [_coordinate(entry, field) for field in entry.run]
    if as_json:
        about = {key: getattr(entry, key) for key in ("name", "label", "family", "summary")}
        presets = {key: dict(value) for key, value in entry.presets.items()}
        more = {"paper": entry.paper, "schedule": entry.schedule, "presets": presets}
        print_json({**about, **more, "hyperparameters": fields})
        return
    text = f"{entry.label} ({entry.family}): {entry.summary}\n{entry.paper}"
    console().print(text, highlight=False, markup=False)
    show(fields, FIELDS, as_json=False)
    for preset, values in entry.presets.items():
        settings = ", ".join(f"{key} {value}" for key, value in values.items())
        console().print(f"preset {preset}: {settings}", highlight=False, markup=False)


def _field(entry: Any, name: str) -> dict[str, Any]:
    described = msgspec.json.schema(entry.fields[name].type)
    return {
        "name": name,
        "meaning": described.get("description", ""),
        "range": _range(described),
        "start": entry.start[name],
        "grid": list(entry.grid.get(name, ())),
        "kind": "static" if name in entry.static else "traced",
    }


def _coordinate(entry: Any, name: str) -> dict[str, Any]:
    return {
        "name": name,
        "meaning": "of the run",
        "range": "",
        "start": entry.run[name],
        "grid": list(entry.grid.get(name, ())),
        "kind": "run",
    }


def _range(described: dict[str, Any]) -> str:
    """The bounds of a JSON schema in words: `0 <= x < 1`, or the choices."""
    if "enum" in described:
        return ", ".join(map(str, described["enum"]))
    low = [f"{described[key]:g} {sign} " for key, sign in LOWER.items() if key in described]
    high = [f" {sign} {described[key]:g}" for key, sign in UPPER.items() if key in described]
    return f"{''.join(low)}x{''.join(high)}" if low or high else described.get("type", "")


LOWER = {"minimum": "<=", "exclusiveMinimum": "<"}
UPPER = {"maximum": "<=", "exclusiveMaximum": "<"}
