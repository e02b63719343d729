"""`bestiary crossover`: where the ranking of two optimizers changes."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import FILE, PUBLISHED, findings_of, is_study
from bestiary.cli._telling import number, tell
from bestiary.errors import UserError
from bestiary.specs import Spec
from bestiary.store import StudyStore

if TYPE_CHECKING:
    from bestiary.analysis import Crossing, Midway
    from bestiary.analysis.answers import Order

CROSSINGS = {
    "axis": "in",
    "held": "at",
    "better_below": "better below",
    "at": "changes at",
    "chance": "chance within the data",
    "verdict": "verdict",
}
CELLS = {"size": "size", "ratio": "ratio", "gap": "", "sure": "beyond noise"}
MIDWAY = {"place": "cell", "winner": "winner", "wrong": "another led until", "sure": "beyond noise"}


class Flags(Spec, frozen=True, kw_only=True):
    """Find where the ranking of two optimizers changes.

    Attributes:
        first: An optimizer.
        second: The other.
        results: A study folder, imported results, or `fantastic2025` (the published study).
        json: Print JSON.
    """

    first: tyro.conf.Positional[str] = ""
    second: tyro.conf.Positional[str] = ""
    results: tyro.conf.Positional[str] = "fantastic2025"
    json: Switch = False


def run(flags: Flags) -> None:
    """Print crossings in size, data and batch, and whether mid-training misleads."""
    if not (flags.first and flags.second):
        raise UserError("name two optimizers: bestiary crossover muon soap STUDY")
    folder = Path(flags.results)
    if flags.results not in PUBLISHED and (folder / FILE).exists() and is_study(folder):
        _of_study(flags)
        return
    from bestiary.analysis.answers import order

    found = order(findings_of(flags.results), flags.first, flags.second)
    if flags.json:
        print_json(msgspec.to_builtins(found))
        return
    _tell_order(found)


def _of_study(flags: Flags) -> None:
    """An own study has every run, so batches and the course of training can be asked too."""
    from bestiary.analysis import crossover, midway

    with StudyStore.open(flags.results, read_only=True) as store:
        runs = (store.study, list(store.planned().values()), store.results())
    found = crossover(*runs, flags.first, flags.second)
    moments = midway(*runs, optimizers=(flags.first, flags.second))
    if flags.json:
        print_json(
            {**msgspec.to_builtins(found), "midway": [msgspec.to_builtins(one) for one in moments]}
        )
        return
    tell(f"{found.first} and {found.second} in {found.study}")
    advantages = [
        {
            "size": one.size,
            "ratio": f"{one.ratio:g}x",
            "gap": number(one.factor, unit="x"),
            "sure": _excludes(one.factor.low, one.factor.high, 1.0),
        }
        for one in found.advantages
    ]
    heading = {**CELLS, "gap": f"data {found.second} needs over {found.first}"}
    _table(advantages, heading)
    _table([_crossing(one) for one in found.crossings], CROSSINGS)
    _table([_midway(one) for one in moments], MIDWAY)
    tell(*found.limits)


def _tell_order(found: "Order") -> None:
    tell(f"{found.first} and {found.second} in {found.source}")
    rows = [
        {
            "size": one.size,
            "ratio": f"{one.ratio:g}x",
            "gap": number(one.gap, "+.4f"),
            "sure": one.beyond_noise,
        }
        for one in found.gaps
    ]
    show(rows, {**CELLS, "gap": f"loss of {found.second} less {found.first}"}, as_json=False)
    show([_crossing(found.crossing)], CROSSINGS, as_json=False)
    tell(*found.limits)


def _table(rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
    """A table, where there is anything in it."""
    if rows:
        show(rows, columns, as_json=False)


def _crossing(one: "Crossing") -> dict[str, Any]:
    return {
        "axis": one.axis,
        "held": ", ".join(f"{name} {value:.3g}" for name, value in one.held.items()) or None,
        "better_below": one.better_below,
        "at": number(one.at, ".3g") if one.at.value is not None else one.at.note,
        "chance": f"{one.chance:.0%}",
        "verdict": one.verdict,
    }


def _midway(one: "Midway") -> dict[str, Any]:
    until = one.wrong_until, one.wrong_beyond_noise_until
    wrong, sure = (None if share is None else f"{share:.0%} of training" for share in until)
    return {
        "place": f"{one.size} {one.ratio:g}x",
        "winner": one.winner + ("" if one.certain else " (not beyond noise)"),
        "wrong": wrong or "never",
        "sure": sure or "never",
    }


def _excludes(low: float | None, high: float | None, neutral: float) -> bool:
    return (low is not None and low > neutral) or (high is not None and high < neutral)
