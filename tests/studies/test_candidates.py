"""An optimizer entered into a study, and the studies of the catalogue."""

import pytest

from bestiary.errors import UserError
from bestiary.specs import DataSpec, checked
from bestiary.studies import STUDIES, candidate
from bestiary.tune import plan

DATA = DataSpec(name="text", digest="0" * 64)


@pytest.mark.parametrize("name", STUDIES)
def test_every_study_is_one_that_can_be_planned(name: str) -> None:
    study = checked(STUDIES[name].build(DATA))
    assert plan(study, {})
    assert {one.name for one in study.candidates} >= {study.baseline}


def test_the_limits_of_what_is_tuned_are_those_of_the_hyperparameters() -> None:
    grid = {"beta1": (0.9, 0.95), "weight_decay": (0.1,), "warmup_fraction": (0.1, 0.2)}
    entered = candidate("adamw", grid=grid, extend=("beta1",))
    assert entered.limits == {"beta1": 1.0, "warmup_fraction": 1.0}
    assert entered.extend == ("beta1",)


def test_an_optimizer_of_the_catalogue_belongs_to_no_package() -> None:
    assert candidate("lion").package == ""


def test_a_mistake_in_a_candidate_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'beta1'"):
        candidate("adamw", changes={"beta_1": 0.9})
    with pytest.raises(UserError, match="did you mean 'beta1'"):
        candidate("adamw", grid={"beta_1": (0.9,)})
    with pytest.raises(UserError, match=r"adamw beta1 must be float < 1\.0, got 1\.5"):
        candidate("adamw", grid={"learning_rate": (0.01,), "beta1": (0.9, 1.5)})
