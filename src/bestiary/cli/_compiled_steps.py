"""Steps that were compiled for slices of TPUs, as the package's table has them."""

import csv
from collections.abc import Mapping
from importlib.resources import files
from typing import NamedTuple

from bestiary.cli._calibration import Speed
from bestiary.errors import UserError
from bestiary.specs import SIZES, Study

BASELINE = "adamw"
_MAKE = "`python -m benchmarks.compiled_steps`, from the source, compiles more"

# By size and optimizer: a row of `compiled_steps.csv`, as text.
Steps = dict[tuple[str, str], Mapping[str, str]]


class CompiledSpeed(NamedTuple):
    """How fast a study is on a slice, by steps that were compiled for it.

    Attributes:
        speed: Of one chip.
        own: The same by size and optimizer, where that optimizer's own step was compiled.
        chips: Of the slice.
    """

    speed: Speed
    own: Mapping[tuple[str, str], float]
    chips: int


def compiled_speed(study: Study, topology: str) -> CompiledSpeed:
    """The rates of a study's models, from the compiler's estimates of whole steps.

    Args:
        study: What would be trained.
        topology: A slice, as in `v5e:16x8`; one run has all of its chips.

    Raises:
        UserError: no step of the study's models was compiled for it, with how to make it.
    """
    steps, chips = _steps(topology), _chips(topology)
    missing = [
        size
        for size, model in study.sizes.items()
        if (size, BASELINE) not in steps or SIZES.get(size) != model
    ]
    if missing:
        raise UserError(
            f"no step of {', '.join(missing)} with AdamW was compiled for {topology}, of which "
            f"{_which(steps)}; {_MAKE}, or give --speed"
        )
    rates = {cell: _rate(row) for cell, row in steps.items() if cell[0] in study.sizes}
    named = {one.name for one in study.candidates}
    own = {cell: rate for cell, rate in rates.items() if cell[1] in named}
    speed = Speed({size: rates[size, BASELINE] for size in study.sizes}, _source(study, own))
    return CompiledSpeed(speed, own, chips)


def _source(study: Study, own: Mapping[tuple[str, str], float]) -> str:
    cells = [(size, one.name) for size in study.sizes for one in study.candidates]
    lacking = sum(cell not in own for cell in cells)
    stand_in = f"; AdamW's stands for {lacking} of {len(cells)} optimizers and sizes" * bool(
        lacking
    )
    return f"of one chip, as the compiler estimates steps; none was measured{stand_in}"


def _steps(topology: str) -> Steps:
    """The steps that fit a slice."""
    rows = [row for row in compiled_rows() if row["fits"] == "True"]
    there = sorted({row["topology"] for row in rows})
    if topology not in there:
        only = f", only for {', '.join(there)}" * bool(there)
        raise UserError(f"no step was compiled for {topology!r}{only}; {_MAKE}, or give --speed")
    return {(row["size"], row["optimizer"]): row for row in rows if row["topology"] == topology}


def compiled_rows() -> list[dict[str, str]]:
    """The table, as text."""
    text = files("bestiary.cli").joinpath("compiled_steps.csv").read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


def _which(steps: Steps) -> str:
    sizes = sorted({size for size, optimizer in steps if optimizer == BASELINE})
    return f"there are {', '.join(sizes)}" if sizes else "there is none"


def _rate(row: Mapping[str, str]) -> float:
    """Model FLOPs a second of one chip."""
    return float(row["model_flops"]) / float(row["step_seconds"])


def _chips(topology: str) -> int:
    chips = 1
    for side in topology.partition(":")[2].split("x"):
        chips *= int(side)
    return chips
