"""Joint laws on the published losses: which terms they ask for, and what sharing gains."""

import pytest

from bestiary.answers.laws._conclusions import conclusions
from bestiary.evidence.published import losses
from bestiary.laws import FORMS, JointData
from bestiary.measures import JointComparison, compare_joint_laws
from bestiary.specs import SIZES, canonical_json

OPTIMIZERS = ("adamw", "nadamw", "muon", "soap")
NAMES = ("data", "data and size", "data, without interaction")


@pytest.fixture(scope="module")
def found() -> JointComparison:
    published = {key: loss for key, loss in losses("printed").items() if key[0] in OPTIMIZERS}
    parameters = [float(SIZES[size].matrix_parameters) for _, size, _ in published]
    data = JointData(
        which=tuple(optimizer for optimizer, _, _ in published),
        parameters=parameters,
        tokens=[20 * n * key[2] for n, key in zip(parameters, published, strict=True)],
        losses=list(published.values()),
        deviations=[8e-4] * len(published),
    )
    return compare_joint_laws(data, {name: FORMS[name] for name in NAMES})


@pytest.mark.slow
def test_the_published_losses_ask_for_an_efficiency_that_changes_with_size(
    found: JointComparison,
) -> None:
    assert [one.form for one in found.forms] == ["data and size", "data", NAMES[2]]
    assert found.forms[0].criterion == 0
    best, without = found.forms[:2]
    assert best.held_out_largest < without.held_out_largest
    assert conclusions(found)[0].startswith(
        "The losses need a term for the efficiency that changes"
    )
    slopes = {one.name: one for one in best.values if one.name.startswith("g ")}
    # Muon's and SOAP's advantage shrinks with size beyond its error; NAdamW's does not.
    for name in ("g muon", "g soap"):
        assert slopes[name].value + 2 * slopes[name].error < 0
    assert abs(slopes["g nadamw"].value) < 2 * slopes["g nadamw"].error


@pytest.mark.slow
def test_one_optimizer_alone_leaves_its_exponents_open(found: JointComparison) -> None:
    shared = {one.name: one.error for one in found.forms[0].values}
    assert len(found.separate) == 4
    for one in found.separate:
        errors = {value.name: value.error for value in one.values}
        assert errors["log alpha"] > 1.5 * shared["log alpha"]
    assert "Fitted to one optimizer at a time" in conclusions(found)[-1]


def test_the_record_travels_as_json(found: JointComparison) -> None:
    assert canonical_json(found)
    for one in found.forms:
        assert one.starts[0] > one.starts[1] / 2
        assert one.condition_number is not None
        assert ("log A", "log E") in one.correlated
