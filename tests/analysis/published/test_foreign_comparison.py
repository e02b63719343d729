"""Anybody's results: known speedups come back, and what cannot be concluded is said in words."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.analysis.published import ForeignComparison, compare_foreign
from bestiary.errors import UserError
from bestiary.store import ForeignResult

RATIOS = (1.0, 2.0, 4.0, 8.0)
FLAT = (3.502, 3.5, 3.499, 3.4985)


def run(optimizer: str, ratio: float, loss: float | None, **other: object) -> ForeignResult:
    state = "done" if loss is not None else "diverged"
    fields = {"size": "130m", "state": state, "file": "ours.csv", "row": 2} | other
    return ForeignResult(optimizer=optimizer, ratio=ratio, loss=loss, **fields)


def adamw(*ratios: float, **other: object) -> list[ForeignResult]:
    return [run("adamw", ratio, 0.4 * ratio**-0.5 + 3.1, **other) for ratio in ratios]


def speedups(comparison: ForeignComparison, optimizer: str) -> list[float | None]:
    return [row.speedup.value for row in comparison.rows if row.optimizer == optimizer]


@given(st.floats(0.2, 0.6), st.floats(0.3, 0.8), st.floats(0.7, 1.9))
@settings(max_examples=25, deadline=None)
def test_a_known_speedup_comes_back(a: float, B: float, speedup: float) -> None:
    rows = [run("adamw", ratio, a * ratio**-B + 3) for ratio in RATIOS]
    rows += [run("muon", ratio, a * (speedup * ratio) ** -B + 3) for ratio in RATIOS]
    found = compare_foreign(rows, noise=1e-4, draws=100)
    np.testing.assert_allclose(speedups(found, "muon"), speedup, rtol=1e-4)
    for row in found.rows:
        assert row.speedup.low <= row.speedup.value <= row.speedup.high


def test_the_best_configuration_is_the_one_with_the_lowest_mean() -> None:
    rows = adamw(*RATIOS)
    rows += [
        run("muon", 1.0, loss, seed=seed, settings={"learning_rate": 0.01})
        for seed, loss in enumerate((3.30, 3.50))
    ]
    rows += [
        run("muon", 1.0, 3.38, seed=0, settings={"learning_rate": 0.02}),
        run("muon", 1.0, None),
    ]
    (row,) = [row for row in compare_foreign(rows, draws=100).rows if row.optimizer == "muon"]
    assert (row.loss, row.repeats, row.tried, row.diverged) == (3.38, 1, 4, 1)
    assert row.settings == {"learning_rate": 0.02}


def test_noise_is_stated_measured_or_assumed_and_said() -> None:
    rows = adamw(*RATIOS)
    assert compare_foreign(rows, noise=0.01, draws=100).noise_source == "stated"
    assert compare_foreign(rows, draws=100).noise_source.startswith("assumed")
    losses = 3.3 + 0.02 * np.random.default_rng(0).standard_normal(30)
    rows += [run("muon", 1.0, float(loss), seed=seed) for seed, loss in enumerate(losses)]
    found = compare_foreign(rows, draws=100)
    assert found.noise_source == "measured, 29 degrees of freedom"
    assert found.noise == pytest.approx(np.std(losses, ddof=1), rel=1e-12)


def test_too_few_ratios_give_a_reason_and_no_number() -> None:
    found = compare_foreign([*adamw(1.0, 2.0), run("muon", 1.0, 3.4)], draws=100)
    (muon,) = [row for row in found.rows if row.optimizer == "muon"]
    assert muon.speedup.value is None
    assert "at least 3 data-to-model ratios, got 2" in muon.speedup.note
    assert any("no curve of adamw at 130m" in note for note in found.notes)
    assert any("all results are at one size" in note for note in found.notes)


def test_losses_that_do_not_fall_give_a_reason_and_no_number() -> None:
    rows = [run("adamw", ratio, 3.0 + 0.1 * ratio) for ratio in RATIOS]
    found = compare_foreign([*rows, run("muon", 1.0, 3.0)], draws=100)
    assert speedups(found, "muon") == [None]


def test_a_baseline_that_may_not_fall_leaves_an_open_interval() -> None:
    # The losses fall by less than their noise, so many redrawn baselines rise with data.
    rows = [run("adamw", ratio, loss) for ratio, loss in zip(RATIOS, FLAT, strict=True)]
    found = compare_foreign([*rows, run("muon", 2.0, 3.4999)], noise=0.01, draws=200)
    (muon,) = [row for row in found.rows if row.optimizer == "muon"]
    assert muon.speedup.value is not None
    assert (muon.speedup.low, muon.speedup.high) == (0.0, None)


def test_a_loss_below_the_asymptote_is_said_and_is_no_number() -> None:
    found = compare_foreign([*adamw(*RATIOS), run("muon", 1.0, 3.05)], draws=100)
    (muon,) = [row for row in found.rows if row.optimizer == "muon"]
    assert (muon.speedup.value, muon.speedup.extrapolated) == (None, True)
    assert "below the asymptote" in muon.speedup.note


def test_extrapolation_is_flagged() -> None:
    found = compare_foreign([*adamw(*RATIOS), run("muon", 8.0, 3.22)], draws=100)
    (muon,) = [row for row in found.rows if row.optimizer == "muon"]
    assert muon.speedup.extrapolated
    assert muon.speedup.note == "beyond adamw's largest ratio, 8"


def test_an_optimizer_that_only_diverged_is_said() -> None:
    rows = [*adamw(*RATIOS), run("lion", 1.0, None), *adamw(*RATIOS, size="300m")]
    found = compare_foreign(rows, draws=100)
    assert found.notes == ("lion at 130m: none of 1 runs finished, so there is no loss to compare",)


def test_a_missing_baseline_is_refused() -> None:
    with pytest.raises(UserError, match="'adamw' must be among the results, got muon"):
        compare_foreign([run("muon", 1.0, 3.4)])
    with pytest.raises(UserError, match="got no runs at all"):
        compare_foreign([])
