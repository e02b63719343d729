"""The cost model: its table is what is counted, and what follows obeys what is known."""

import pytest
from benchmarks.step_costs import row

from bestiary.answers.advise._devices import DEVICES
from bestiary.answers.advise._step_cost import _table, cost_of, scaled
from bestiary.specs import SIZES, Estimate

TIMED = Estimate(value=1.025, low=1.003, high=1.06, note="timed")


@pytest.mark.slow
@pytest.mark.parametrize("optimizer", ["adamw", "lion"])
def test_the_packaged_counts_are_those_counted_now(optimizer: str) -> None:
    now = row(optimizer, "130m")
    size, counts = _table()[optimizer][0]
    assert size == now["matrix_parameters"] == SIZES["130m"].matrix_parameters
    for name, value in counts._asdict().items():
        assert value == pytest.approx(float(str(now[name])), rel=1e-3)


def test_state_is_two_numbers_for_adamw_and_one_for_lion_at_any_size() -> None:
    for parameters in (1e6, 3e9, 1e12):
        states = [cost_of(name, parameters) for name in ("adamw", "lion")]
        assert [round(one.state_bytes, 1) for one in states if one] == [8.0, 4.0]
    assert cost_of("somebody's", 1e9) is None


def test_a_step_and_its_memory_are_shared_by_the_devices() -> None:
    one, many = (cost_of("muon", 3e9, device="h100", count=count) for count in (1, 64))
    assert one
    assert many
    assert many.step_seconds == pytest.approx((one.step_seconds or 0) / 64)
    assert many.device_bytes == pytest.approx((one.device_bytes or 0) / 64)
    assert (one.step_seconds or 0) > 6 * 3e9 * 2**19 / (DEVICES["h100"].flops * 0.4)


def test_what_an_optimizer_adds_falls_with_the_batch_and_rises_with_size() -> None:
    small, large, wide = (
        scaled(TIMED, "muon", n, batch_tokens=batch, device="h100", utilisation=0.4).value or 0
        for n, batch in ((1e9, 2.0**19), (1e9, 2.0**21), (1e10, 2.0**19))
    )
    assert 1 < large < small < wide
    assert (small - 1) == pytest.approx(4 * (large - 1), rel=0.02)


def test_where_it_was_timed_the_published_time_stands() -> None:
    same = scaled(TIMED, "muon", 124e6, batch_tokens=2.0**19, device="h100", utilisation=0.4)
    assert same.value == pytest.approx(TIMED.value)
    assert same.note.startswith("estimated")
    assert (
        scaled(TIMED, "nadamw", 3e9, batch_tokens=2.0**20, device="h100", utilisation=0.4) == TIMED
    )
