"""What `bestiary plan --topology` reads from the table of compiled steps."""

import msgspec
import pytest

from bestiary.cli import _compiled_steps
from bestiary.cli._compiled_steps import compiled_rows, compiled_speed
from bestiary.cli._costs import Rates, total
from bestiary.cli._questions import StudyPart, without_corpus
from bestiary.errors import UserError
from bestiary.specs import SIZES, Study
from bestiary.tune import plan

ROW = {"topology": "v5e:16x8", "fits": "True", "model_flops": "4e12"}


@pytest.fixture
def study(monkeypatch: pytest.MonkeyPatch) -> Study:
    """The smallest size of the paper's study, with a table of two of its steps."""
    rows = [
        {**ROW, "size": "130m", "optimizer": "adamw", "step_seconds": "0.4"},
        {**ROW, "size": "130m", "optimizer": "muon", "step_seconds": "0.5"},
        {**ROW, "size": "300m", "optimizer": "adamw", "fits": "False"},
    ]
    monkeypatch.setattr(_compiled_steps, "compiled_rows", lambda: rows)
    return _part("130m")


def _part(sizes: str) -> Study:
    return without_corpus("paper", StudyPart(sizes=sizes, optimizers="adamw,muon,kron"))


def test_an_optimizer_has_its_own_step_and_else_that_of_adamw(study: Study) -> None:
    found = compiled_speed(study, "v5e:16x8")
    assert found.chips == 128
    assert found.speed.flops_per_second == {"130m": 1e13}
    assert found.own == {("130m", "adamw"): 1e13, ("130m", "muon"): 8e12}
    assert "AdamW's stands for 1 of 3" in found.speed.source


def test_a_plan_counts_chip_hours_by_optimizer(study: Study) -> None:
    found = compiled_speed(study, "v5e:16x8")
    rates = Rates(found.speed.flops_per_second, found.chips, 0.0, found.own)
    rows = {
        name: [row for row in plan(study, {}) if row.optimizer == name and row.purpose == "report"]
        for name in ("adamw", "muon")
    }
    hours = {name: total(part, rates)["device_hours"] for name, part in rows.items()}
    assert hours["muon"] == pytest.approx(1.25 * hours["adamw"])


def test_what_was_not_compiled_is_told_with_how_to_make_it(study: Study) -> None:
    with pytest.raises(UserError, match=r"compiled for 'v5e:4x4', only for v5e:16x8.*benchmarks"):
        compiled_speed(study, "v5e:4x4")
    with pytest.raises(
        UserError, match=r"no step of 300m with AdamW.*there are 130m; .*benchmarks"
    ):
        compiled_speed(_part("130m,300m"), "v5e:16x8")
    other = {"130m": msgspec.structs.replace(SIZES["130m"], layers=3)}
    with pytest.raises(UserError, match="no step of 130m"):
        compiled_speed(msgspec.structs.replace(study, sizes=other), "v5e:16x8")


def test_the_table_of_the_package_adds_up() -> None:
    """Every row says what it was compiled by and at which commit; a sum is that of its parts."""
    kinds = ("parameters_GB", "state_GB", "work_GB", "rest_GB")
    for row in compiled_rows():
        assert row["libtpu"]
        assert row["commit"]
        if row["fits"] == "True":
            whole = sum(float(row[one]) for one in kinds)
            assert float(row["GB"]) == pytest.approx(whole, rel=2e-3)
            assert float(row["optimizer_seconds"]) < float(row["step_seconds"])
