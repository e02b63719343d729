"""`bestiary crossover`: where the ranking of two optimizers changes."""

from typing import TYPE_CHECKING, Any

import msgspec
import tyro

from bestiary.cli._flags import StatedNoise, Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import evidence_of
from bestiary.cli._telling import tell
from bestiary.errors import UserError
from bestiary.specs import OPEN, Spec

if TYPE_CHECKING:
    from bestiary.answers.crossover import Advantage, Crossover
    from bestiary.measures import Crossing, Midway

CELLS = {"place": "cell", "gap": "", "factor": "", "leader": "ahead beyond noise"}
CROSSINGS = {"axis": "in", "where": "at", "verdict": "verdict", "at": "order changes at"}
MIDWAY = {
    "place": "cell",
    "winner": "winner",
    "wrong": "another led until",
    "sure": "beyond noise",
    "lead": "by then, in nats",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Find where the ranking of two optimizers changes.

    Attributes:
        first: An optimizer.
        second: The other.
        results: A study folder, imported results, or `fantastic2025` (the published study).
        noise: Standard deviation between seeds in nats, where no cell was repeated; by default
            assumed from the size of the model.
        json: Print JSON.
    """

    first: tyro.conf.Positional[str] = ""
    second: tyro.conf.Positional[str] = ""
    results: tyro.conf.Positional[str] = "fantastic2025"
    noise: StatedNoise = 0.0
    json: Switch = False


def run(flags: Flags) -> None:
    """Print crossings in size, data and batch, and whether mid-training misleads."""
    if not (flags.first and flags.second):
        raise UserError("name two optimizers: bestiary crossover muon soap STUDY")
    from bestiary.answers.crossover import crossover

    _tell(
        crossover(evidence_of(flags.results, flags.noise), flags.first, flags.second),
        as_json=flags.json,
    )


def _tell(found: "Crossover", *, as_json: bool) -> None:
    if as_json:
        print_json(msgspec.to_builtins(found))
        return
    tell(f"{found.first} and {found.second} in {found.source}", "", *found.answer)
    heading = {
        **CELLS,
        "gap": f"loss of {found.second}\nless {found.first}",
        "factor": f"data {found.second} needs\nover {found.first}",
    }
    _table([_advantage(one) for one in found.advantages], heading)
    _table([_crossing(one) for one in found.crossings], CROSSINGS)
    _table([_midway(one) for one in found.midway], MIDWAY)
    tell(*found.limits)


def _table(rows: list[dict[str, Any]], columns: dict[str, str]) -> None:
    """A table, where there is anything in it."""
    if rows:
        show(rows, columns, as_json=False)


def _advantage(one: "Advantage") -> dict[str, Any]:
    return {
        "place": f"{one.size} {one.ratio:g}x",
        "gap": one.loss_gap.text("+.4f"),
        "factor": one.factor.times(),
        "leader": one.leader or None,
    }


def _crossing(one: "Crossing") -> dict[str, Any]:
    return {
        "axis": one.axis,
        "where": one.where,
        "verdict": one.verdict,
        "at": _place(one),
    }


def _place(one: "Crossing") -> str | None:
    """Where the line is zero, and on which side of the data."""
    from bestiary.measures import magnitude

    if one.at.value is None:
        return None
    low, high = (OPEN if end is None else magnitude(end) for end in (one.at.low, one.at.high))
    side = "" if one.low <= one.at.value <= one.high else ", beyond the data"
    return f"{magnitude(one.at.value)} [{low}, {high}]{side}"


def _midway(one: "Midway") -> dict[str, Any]:
    wrong = [moment for moment in one.moments if moment.leader != one.winner]
    last = max(wrong, key=lambda moment: (moment.beyond_noise, moment.share), default=None)
    until = one.wrong_beyond_noise_until
    return {
        "place": f"{one.size} {one.ratio:g}x",
        "winner": one.winner + ("" if one.certain else " (not beyond noise)"),
        "wrong": "never" if one.wrong_until is None else f"{one.misleader}, {one.wrong_until:.0%}",
        "sure": "never" if until is None else f"{one.misleader}, {until:.0%}",
        "lead": None if last is None else f"{last.lead:.4f}",
    }
