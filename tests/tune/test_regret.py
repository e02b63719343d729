"""What tuning left on the table: exact without noise, named where unknown, honest with noise."""

import math
import random

import pytest
from benchmarks.left_on_table import made_up
from tests.tune.surfaces import Surface, answered, phased

from bestiary.specs import Configuration, Phases
from bestiary.tune import ledger_of
from bestiary.tune._regret import left_on_table
from bestiary.tune._transfer import MeasuredNoise


def bowl(values: Configuration) -> float:
    x, y = (math.log(float(values[name])) for name in ("x", "y"))
    return 2 + 0.3 * (x - 0.2) ** 2 + 0.1 * (y + 0.1) ** 2


STAR = [
    {"x": 1.0, "y": 1.0, "z": True},
    *({"x": x, "y": 1.0, "z": True} for x in (0.5, 2.0)),
    *({"x": 1.0, "y": y, "z": True} for y in (0.5, 2.0)),
]


def test_without_noise_it_is_the_gap_to_the_bottom() -> None:
    trials = [(one, bowl(one)) for one in STAR]
    found = left_on_table(STAR[0], trials, MeasuredNoise(), {})
    assert found.value == pytest.approx(bowl(STAR[0]) - 2)
    assert (found.low, found.high) == (None, None)
    little = left_on_table(STAR[0], trials, MeasuredNoise(deviation=1e-6, freedom=9), {})
    assert little.low is not None
    assert little.high is not None
    assert little.low <= bowl(STAR[0]) - 2 <= little.high
    assert little.high - little.low < 1e-4


def test_what_is_not_bracketed_is_left_out_and_named() -> None:
    trials = [(one, bowl(one)) for one in STAR if one["y"] != 0.5]
    found = left_on_table(STAR[0], trials, MeasuredNoise(), {})
    assert found.value == pytest.approx(0.3 * 0.2**2)
    assert found.note == "without y, which is not bracketed"
    nothing = left_on_table(STAR[0], trials[:1], MeasuredNoise(), {})
    assert (nothing.value, nothing.note) == (None, "")


def test_the_interval_holds_the_truth_in_most_made_up_studies() -> None:
    draw = random.Random(0)
    found = [made_up(draw, 2, 12) for _ in range(60)]
    held = sum(one.low <= truth <= one.high for truth, one in found if one.low is not None)
    assert held >= 52  # of 60; at 95% fewer come by chance once in 200


def test_the_ledger_says_it_for_every_cell_that_was_tuned() -> None:
    surface = Surface(rate=0.011, noise=5e-4)
    planner, _ = answered(phased(Phases(), runs_per_cell=30), {"adamw": surface})
    (entry,) = ledger_of(planner)
    for cell in entry.cells:
        assert cell.left_on_table.value is not None
        assert cell.left_on_table.high is not None
        assert cell.left_on_table.high < 0.05
        assert "beta2" in cell.left_on_table.note
