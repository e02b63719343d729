"""Predicted hyperparameters from the published cells: ours can run, the study's form not always."""

import pytest

from bestiary.errors import UserError
from bestiary.evidence.published import configurations
from bestiary.measures import SettingPrediction, Tuned, setting_predictions
from bestiary.specs import SIZES, Feasible, canonical_json

RANGES = {
    "train_batch_size": Feasible(1, kind="power of two"),
    "warmup": Feasible(kind="whole"),
    "precondition_frequency": Feasible(1, kind="whole"),
    "decay": Feasible(0, 1),
    "beta1": Feasible(0, 1, from_one=True),
    "beta2": Feasible(0, 1, from_one=True),
    "momentum": Feasible(0, 1, from_one=True),
}


def predicted(optimizer: str) -> dict[str, SettingPrediction]:
    tuned = [
        Tuned(SIZES[size].matrix_parameters, ratio, configurations()[optimizer, size, ratio])
        for size in ("130m", "300m", "520m")
        for ratio in (1.0, 2.0, 4.0, 8.0)
    ]
    target = SIZES["1.2b"].matrix_parameters
    found = setting_predictions(tuned, parameters=target, ratio=8.0, ranges=RANGES)
    return {one.name: one for one in found}


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "nadamw", "muon", "soap"])
def test_every_prediction_can_run_and_lies_in_its_interval(optimizer: str) -> None:
    found = predicted(optimizer)
    for one in found.values():
        assert RANGES.get(one.name, Feasible()).complaint(one.value) == ""
        assert one.cells == 12
        assert one.held_out == "size"
        better = one.power_law_error is not None and one.power_law_error < (one.constant_error or 0)
        assert one.kind == ("power law" if better else "constant")
        assert one.low <= one.high
    assert canonical_json(found["learning_rate"])


@pytest.mark.slow
def test_the_study_form_predicts_what_cannot_run() -> None:
    adamw, muon = predicted("adamw"), predicted("muon")
    assert adamw["train_batch_size"].study_problem == "322.7 is no power of two"
    assert adamw["train_batch_size"].value in (128, 256, 512)
    assert muon["decay"].study_problem == "1.048 lies outside [0, 1]"
    assert 0 < muon["decay"].value <= 1


def test_a_value_that_cannot_run_is_written_so_that_it_shows() -> None:
    """SOAP's 10.0006 steps are no whole number, and 1000.0000002 is 1000 to all that is known."""
    soap = predicted("soap")
    assert soap["precondition_frequency"].study_problem == "10.0006 is no whole number"
    assert soap["warmup"].study_problem == ""


def test_the_learning_rate_falls_with_size_where_the_law_beats_a_constant() -> None:
    rate = predicted("muon")["learning_rate"]
    assert rate.low < 0.004 < rate.high


def test_few_cells_have_no_study_form_and_none_no_prediction() -> None:
    tuned = [Tuned(1e6, ratio, {"learning_rate": 0.01, "nesterov": True}) for ratio in (1.0, 2.0)]
    found = setting_predictions(tuned, parameters=1e7, ratio=1.0, ranges={})
    assert [one.name for one in found] == ["learning_rate"]
    assert found[0].study_value is None
    with pytest.raises(UserError, match="there are none"):
        setting_predictions([], parameters=1e7, ratio=1.0, ranges={})
