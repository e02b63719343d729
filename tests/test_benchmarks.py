"""What benchmarks do only on an accelerator, at tiny shapes, and what they count on real ones."""

from dataclasses import replace

import msgspec
import pytest
from benchmarks import optimizer_bounds, optimizer_steps

from bestiary.specs import SIZES, ModelSpec

TINY: ModelSpec = msgspec.structs.replace(SIZES["8k"], context=8, vocabulary=32)


@pytest.mark.slow
def test_steps_are_timed_in_the_setting_of_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer_steps, "STEPS", 1)
    monkeypatch.setattr(optimizer_steps, "ROUNDS", 1)
    # More layers than are unrolled: the loop over layers is the accelerator's.
    tiny = replace(optimizer_steps.ACCELERATOR, model=msgspec.structs.replace(TINY, layers=9))
    (row,) = optimizer_steps.rows(tiny, ["lion"])
    assert row["state_bytes_per_parameter"] == pytest.approx(4, rel=1e-3)
    assert row["peak_mb"] > row["state_mb"]


def test_an_accelerator_takes_half_a_million_tokens_in_bfloat16() -> None:
    setting = optimizer_steps.ACCELERATOR
    assert setting.micro_batch * setting.accumulation * setting.model.context == 2**19
    assert setting.compute_dtype == "bfloat16"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["muon", "kron", "soap"])
def test_bounds_leave_room_for_their_targets(name: str) -> None:
    row = optimizer_bounds.row("130m", name, {})
    assert row["over_xla"] == pytest.approx(1, abs=0.03)
    assert row["margin"] > 3


@pytest.mark.slow
def test_half_the_bits_are_half_the_bytes_and_other_products() -> None:
    wide = optimizer_bounds.row("130m", "muon", {})
    narrow = optimizer_bounds.row("130m", "muon", {"precision": "bfloat16"})
    assert (wide["products_in"], narrow["products_in"]) == ("tensorfloat32", "bfloat16")
    assert narrow["tflop"] == wide["tflop"]
    assert narrow["gb"] < wide["gb"]
    assert narrow["serial_ms"] < wide["serial_ms"]
