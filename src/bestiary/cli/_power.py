"""`bestiary power`: how many seeds and cells it takes to see a speedup."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
import tyro
from msgspec import Meta

from bestiary.cli._flags import StatedNoise, Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import evidence_of
from bestiary.cli._telling import tell
from bestiary.errors import UserError
from bestiary.specs import Spec, quantity

if TYPE_CHECKING:
    from bestiary.answers.power import PowerAnswer

COLUMNS = {
    "size": "size",
    "ratio": "ratio",
    "slope": "nats per\ndoubling",
    "gap": "gap in\nnats",
    "paired": "seeds,\npaired",
    "unpaired": "seeds,\nunpaired",
    "cells": "cells of\n3 seeds",
    "tokens": "tokens",
    "flops": "FLOPs",
    "smallest": "3 seeds\nresolve",
    "floor": "any number\nresolves",
}


class Flags(Spec, frozen=True, kw_only=True):
    """Say how many seeds resolve a speedup.

    Attributes:
        results: A study folder, imported results, or `fantastic2025` (the published study).
        speedup: The token speedup to be told from 1.
        sizes: Sizes, separated by commas; those of the results where none is given.
        ratios: Data-to-model ratios, separated by commas; the measured ones where none is given.
        noise: Standard deviation between seeds in nats, where no cell was repeated; by default
            assumed from the size of the model.
        json: Print JSON.
    """

    results: tyro.conf.Positional[str] = "fantastic2025"
    speedup: Annotated[float, Meta(gt=1, lt=100)] = 1.1
    sizes: str = ""
    ratios: str = ""
    noise: StatedNoise = 0.0
    json: Switch = False


def run(flags: Flags) -> None:
    """Print a row for every size and ratio."""
    sizes, ratios = listed(flags.sizes), numbers("--ratios", flags.ratios)
    from bestiary.answers.power import power

    answer = power(
        evidence_of(flags.results, flags.noise), flags.speedup, sizes=sizes, ratios=ratios
    )
    if flags.json:
        print_json(msgspec.to_builtins(answer))
        return
    tell(
        f"To tell a token speedup of {answer.speedup:g}x from 1 with a 95% interval that finds it "
        f"4 times in 5, from {answer.source}",
        "",
        *answer.answer,
        *_noise(answer),
    )
    lucky = any(row.hidden for row in answer.rows)
    columns = {key: head for key, head in COLUMNS.items() if lucky or key != "floor"}
    show([_shown(msgspec.to_builtins(row)) for row in answer.rows], columns, as_json=False)
    tell("Tokens and FLOPs are those of all paired runs.", *answer.notes)


def _noise(answer: "PowerAnswer") -> Iterable[str]:
    """The noise behind the rows, each of several said once, with the sizes that it is of."""
    told: dict[str, dict[str, None]] = {}
    for row in answer.rows:
        words = (
            f"{row.noise:.2g} nats, of a paired difference {row.paired_noise:.2g} "
            f"({row.noise_source})"
        )
        told.setdefault(words, {})[row.size] = None
    for words, sizes in told.items():
        at = "" if len(told) == 1 else f" at {', '.join(sizes)}"
        yield f"Standard deviation between seeds{at} {words}."


def _shown(row: dict[str, Any]) -> dict[str, Any]:
    three = next(one["speedup"] for one in row["resolvable"] if one["seeds"] == 3)
    return {
        **row,
        "ratio": f"{row['ratio']:g}x",
        "slope": f"{row['slope']:.4f}",
        "gap": f"{row['gap']:.4f}",
        **{name: _count(row, name) for name in ("paired", "unpaired", "cells")},
        "tokens": None if row["tokens"] is None else quantity(row["tokens"]),
        "flops": None if row["flops"] is None else f"{row['flops']:.2g}",
        "smallest": None if three is None else f"{three:.3f}x",
        "floor": None if row["floor"] is None else f"> {row['floor']:.3f}x",
    }


def _count(row: dict[str, Any], name: str) -> str:
    if row[name] is None:
        return "none do" if row["gap"] <= row["hidden"] else "> 1,000"
    return str(row[name])


def listed(text: str) -> list[str]:
    """`a,b` as a list, without empty entries."""
    return [part.strip() for part in text.split(",") if part.strip()]


def numbers(option: str, text: str) -> list[float]:
    """`1,2` as numbers.

    Raises:
        UserError: one of them is none.
    """
    try:
        return [float(part.rstrip("x")) for part in listed(text)]
    except ValueError:
        raise UserError(f"{option} takes numbers separated by commas, got {text!r}") from None
