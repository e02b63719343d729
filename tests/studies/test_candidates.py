"""An optimizer entered into a study, and the studies of the catalogue."""

import math

import numpy as np
import pytest

from bestiary.errors import UserError
from bestiary.optimizers import CATALOGUE, resolve
from bestiary.specs import FOREIGN_RANGES, DataSpec, Feasible, checked
from bestiary.studies import STUDIES, candidate
from bestiary.studies._ranges import ranges
from bestiary.tune import plan

DATA = DataSpec(name="text", digest="0" * 64)


@pytest.mark.slow
@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_one_that_can_be_planned(name: str) -> None:
    study = checked(STUDIES[name].build(DATA))
    assert plan(study, {})
    assert {one.name for one in study.candidates} >= {study.baseline}


def test_every_number_of_a_candidate_has_the_range_of_its_type() -> None:
    grid = {"beta1": (0.9, 0.95), "weight_decay": (0.1,), "warmup_fraction": (0.1, 0.2)}
    entered = candidate("adamw", grid=grid, extend=("beta1",))
    assert set(entered.ranges) == {*entered.start, *grid}
    assert entered.ranges["beta1"] == Feasible(0, 1, from_one=True, high_open=True)
    assert entered.ranges["learning_rate"] == Feasible(low_open=True)
    assert entered.ranges["warmup_fraction"] == Feasible(0, 1)
    assert entered.extend == ("beta1",)
    assert checked(entered) == entered


NUMBERS = [
    (name, field)
    for name, entry in CATALOGUE.items()
    for field, info in entry.fields.items()
    if isinstance(info.default, int | float) and not isinstance(info.default, bool)
]


@pytest.mark.parametrize(("name", "field"), NUMBERS)
def test_a_range_holds_exactly_what_the_type_accepts(name: str, field: str) -> None:
    one = ranges(CATALOGUE[name])[field]
    whole = isinstance(CATALOGUE[name].fields[field].default, int)
    ends = [end for end in (one.low, one.high, 0.0, 1.0, 7.0) if end is not None]
    around = {
        end + side * distance
        for end in ends
        for side in (-1, 0, 1)
        for distance in (1e-3, 0.25, 1.0, 1e6)
    }
    around |= {math.nextafter(end, end + side) for end in ends for side in (-1, 1)}
    for value in sorted(around):
        if whole and 0 < abs(value - round(value)) < 1e-6:
            continue  # to a law, a rounding error off a whole number is one
        given = int(value) if whole and value == int(value) else value
        assert (one.complaint(value) == "") == _accepts(name, field, given), value
    for value in (*around, -1e30, 1e30):
        nearest = one.nearest(value)
        assert one.complaint(nearest) == ""
        assert _accepts(name, field, int(nearest) if whole else nearest), (value, nearest)


def test_the_nearest_to_an_open_end_is_inside_in_single_precision_too() -> None:
    one = Feasible(0, 1, low_open=True, high_open=True)
    assert 0 < np.float32(one.nearest(-1.0)) < np.float32(one.nearest(2.0)) < 1


def _accepts(name: str, field: str, value: float) -> bool:
    try:
        resolve(name, {field: value})
    except UserError:
        return False
    return True


def test_averaging_rates_are_fitted_by_their_distance_from_one() -> None:
    averages = {field for name, field in NUMBERS if ranges(CATALOGUE[name])[field].from_one}
    assert {"beta1", "beta3", "neuron_beta", "entry_beta", "feedback", "soap_beta"} < averages
    assert not averages & {"preconditioner_rate", "fraction", "update_probability", "adam_factor"}
    for name, field in NUMBERS:
        if ranges(CATALOGUE[name])[field].from_one:
            assert field in FOREIGN_RANGES, f"{field} has no range where it comes without a type"


def test_an_optimizer_of_the_catalogue_belongs_to_no_package() -> None:
    assert candidate("lion").package == ""


def test_a_mistake_in_a_candidate_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'beta1'"):
        candidate("adamw", changes={"beta_1": 0.9})
    with pytest.raises(UserError, match="did you mean 'beta1'"):
        candidate("adamw", grid={"beta_1": (0.9,)})
    with pytest.raises(UserError, match=r"adamw beta1 must be float < 1\.0, got 1\.5"):
        candidate("adamw", grid={"learning_rate": (0.01,), "beta1": (0.9, 1.5)})


def test_a_preset_is_a_start_that_changes_go_over() -> None:
    start = candidate("muon", preset="moonshot", changes={"iterations": 4}).start
    assert (start["scale"], start["iterations"]) == ("rms", 4)
    with pytest.raises(UserError, match="unknown preset of muon 'kimi'; known: study, jordan"):
        candidate("muon", preset="kimi")
