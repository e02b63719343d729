"""How far two studies' speedups are apart: none of equals, and what was put in."""

import math

import pytest
from tests import synthetic
from tests.results import imported, synthetic_evidence

from bestiary.answers.compare import compare
from bestiary.evidence import imported_evidence


@pytest.mark.slow
def test_a_bias_of_known_size_is_found_and_none_where_there_is_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    first = synthetic_evidence()
    again = compare(first, synthetic_evidence(random_seed=1))
    assert again.bias.low is not None
    assert again.bias.high is not None
    assert again.bias.low < 0 < again.bias.high
    monkeypatch.setattr(synthetic, "SPEEDUP", {"adamw": 1.0, "muon": 1.45 / 1.3, "soap": 1.25})
    slower = synthetic_evidence(random_seed=2)
    found = compare(first, slower)
    half = -math.log(1.3) / 2  # Muon's, over as many cells of SOAP's
    assert found.bias.value == pytest.approx(half, abs=0.03)
    assert found.bias.low is not None
    assert found.bias.high is not None
    assert found.bias.low < half < found.bias.high < 0
    told = next(line for line in found.answer if line.startswith("ln(speedup)"))
    assert found.bias.text("+.3f") in told
    muon = next(one for one in found.optimizers if one.optimizer == "muon")
    assert muon.speedup_ratio.value == pytest.approx(1 / 1.3, abs=0.06)
    back = compare(slower, first)
    assert back.bias.value == pytest.approx(-found.bias.value)


def test_a_mean_of_cells_is_surer_than_its_cells_and_no_surer_than_draws_allow() -> None:
    found = compare(synthetic_evidence(), synthetic_evidence(random_seed=1))
    single = [cell.speedup_ratio for cell in found.cells if not cell.baseline]
    logs = [math.log(one.value or 0) for one in single]
    assert found.bias.value == pytest.approx(sum(logs) / len(logs))
    width = (found.bias.high or 0) - (found.bias.low or 0)
    widths = [math.log((one.high or 0) / (one.low or 1)) for one in single]
    assert max(widths) / len(widths) < width < sum(widths) / len(widths)


def test_single_losses_err_together() -> None:
    found = compare(synthetic_evidence(), imported_evidence(imported()))
    logs = [
        math.log(cell.speedup_ratio.value)
        for cell in found.cells
        if not cell.baseline and cell.speedup_ratio.value and cell.speedup_ratio.low
    ]
    if not logs:
        assert found.bias.value is None
    else:
        assert found.bias.value == pytest.approx(sum(logs) / len(logs))
