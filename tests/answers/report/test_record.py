import msgspec
import pytest
from tests.synthetic import synthetic_results, synthetic_study

from bestiary.errors import UserError
from bestiary.specs import Estimate, canonical_json, checked


def test_an_estimate_travels_as_json() -> None:
    estimate = Estimate(value=1.3, low=1.1, high=None, note="no upper bound")
    assert msgspec.json.decode(canonical_json(estimate), type=Estimate) == estimate


def test_a_number_that_is_not_finite_never_enters_a_record() -> None:
    with pytest.raises(UserError, match="finite"):
        checked(Estimate(value=float("nan"), low=None, high=None))


def test_the_synthetic_study_is_deterministic_and_complete() -> None:
    study = checked(synthetic_study())
    planned, results = synthetic_results(study)
    assert (planned, results) == synthetic_results(study)
    assert len({one.cell for one in planned}) == len(study.cells)
    assert {result.state for result in results.values()} == {"done", "diverged"}
