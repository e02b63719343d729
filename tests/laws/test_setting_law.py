"""Hyperparameter laws: the truth comes out, a constant wins where it should, nothing infeasible."""

import math
from typing import Any

import numpy as np
import pytest
import scipy.optimize
from hypothesis import given
from hypothesis import strategies as st

from bestiary.errors import UserError
from bestiary.evidence.published import configurations, predictions
from bestiary.laws import _study_setting, fit_setting_law, fit_study_setting
from bestiary.specs import SIZES, Feasible

CELLS = [(n, 20 * n * r) for n in (1.3e8, 3e8, 5.4e8) for r in (1, 2, 4, 8)]
N, D = (np.array(axis) for axis in zip(*CELLS, strict=True))


def test_a_power_law_is_found_and_beats_the_constant() -> None:
    values = 0.008 * (N / 3e8) ** -0.4 * (D / 6e9) ** 0.1
    law = fit_setting_law(N, D, values)
    assert law.kind == "power law"
    assert law.held_out == "size"
    assert law.errors["power law"] < 1e-9 < law.errors["constant"]
    value, low, high = law.predict(1.2e9, 1.2e10)
    assert value == pytest.approx(0.008 * 4**-0.4 * 2**0.1)
    assert low < value < high
    # No optimum is known better than the grid it was read off: uniform over a factor of two.
    assert math.log(high / low) > 2 * 1.96 * math.log(2) / math.sqrt(12)


def test_a_constant_wins_where_values_only_scatter() -> None:
    values = 0.008 * 2.0 ** np.array([0, 1, 0, 0, 1, 0, 0, 1, 0, 1, 0, 0])
    law = fit_setting_law(N, D, values)
    assert law.kind == "constant"
    assert law.errors["constant"] < law.errors["power law"]
    assert law.predict(1.2e9, 1e11)[0] == pytest.approx(math.exp(np.log(values).mean()))


@pytest.mark.slow
def test_the_interval_holds_a_new_optimum_as_often_as_it_says() -> None:
    generator, held = np.random.default_rng(0), 0
    for _ in range(400):
        noise = generator.normal(0, 0.4, 13)
        law = fit_setting_law(N, D, 0.01 * np.exp(noise[:12]), step=1e-9)
        _, low, high = law.predict(3e8, 2.4e10)
        held += low <= 0.01 * math.exp(noise[12]) <= high
    assert 0.92 < held / 400 < 0.98


def test_two_sizes_cannot_show_a_slope_and_one_cell_nothing() -> None:
    two = fit_setting_law(N[:8], D[:8], 0.01 * (N[:8] / 3e8) ** -0.5)
    assert two.kind == "constant"
    assert set(two.errors) == {"constant"}
    one = fit_setting_law(N[:1], D[:1], [0.01])
    assert one.held_out == ""
    assert "nothing could be held out" in one.note
    assert one.predict(1e9, 1e11)[0] == pytest.approx(0.01)


def test_one_size_is_judged_by_leaving_out_ratios() -> None:
    law = fit_setting_law(N[:4], D[:4], 256 * (D[:4] / 1e10) ** 0.5)
    assert (law.kind, law.held_out) == ("power law", "ratio")


def test_a_rate_near_one_is_fitted_by_its_distance() -> None:
    feasible = Feasible(0, 1, from_one=True)
    law = fit_setting_law(N, D, 1 - 0.1 * (N / 3e8) ** -0.7, feasible=feasible)
    value, low, high = law.predict(3e12, 1e14)
    assert 0 < low < value < high <= 1


def test_zeros_are_named() -> None:
    law = fit_setting_law(N, D, [0.0, 0.1] * 6)
    assert "6 tuned values lie at the end of the log scale" in law.note


def test_nothing_but_zeros_predicts_zero() -> None:
    law = fit_setting_law(N, D, [0.0] * 12, feasible=Feasible(kind="whole"))
    assert law.predict(1.2e9, 1e11) == pytest.approx((0.0, 0.0, 0.0), abs=1e-200)
    assert "Every tuned value" in law.note


@pytest.mark.slow
@given(st.floats(-10, 1e7), st.sampled_from(["real", "whole", "power of two"]))
def test_the_nearest_value_can_run(value: float, kind: str) -> None:
    feasible = Feasible(3, 5000.5, kind)  # type: ignore[arg-type]
    assert feasible.complaint(feasible.nearest(value)) == ""


def test_what_cannot_run_is_refused() -> None:
    with pytest.raises(UserError, match=r"1.2 lies outside \[0, 1\]"):
        fit_setting_law(N, D, [1.2] * 12, feasible=Feasible(0, 1))
    with pytest.raises(UserError, match="as many values"):
        fit_setting_law(N, D, [0.1] * 3)
    with pytest.raises(UserError, match="low < high"):
        Feasible(1, 0)
    with pytest.raises(UserError, match="at least 6 tuned cells, got 4"):
        fit_study_setting(N[:4], D[:4], [0.1] * 4)


@pytest.mark.parametrize(
    ("optimizer", "name", "predicted"),
    [
        ("adamw", "train_batch_size", 322.71251),
        ("muon", "decay", 1.0479),
        ("adamw", "weight_decay", 0.15418),
    ],
)
def test_the_form_of_the_study_predicts_what_was_released(
    optimizer: str, name: str, predicted: float
) -> None:
    """The released prediction for 1.2b at 8x, from the released tuned values."""
    tuned = configurations()
    cells = [(size, ratio) for size in ("130m", "300m", "520m") for ratio in (1.0, 2.0, 4.0, 8.0)]
    law = fit_study_setting(
        [SIZES[size].matrix_parameters for size, _ in cells],
        [ratio for _, ratio in cells],
        [float(tuned[optimizer, size, ratio][name]) for size, ratio in cells],
    )
    assert law.predict(SIZES["1.2b"].matrix_parameters, 8.0) == pytest.approx(predicted, rel=1e-3)
    assert predictions()[optimizer, 8.0][name] == pytest.approx(predicted, rel=1e-3)
    assert law.condition_number > 1e2


def test_the_form_of_the_study_misses_a_truth_of_its_own_form() -> None:
    ratios = D / (20 * N)
    law = fit_study_setting(N, ratios, 40 * (N / 1e6) ** 0.3 * ratios**0.2 - 20)
    assert law.predict(1.2e9, 8.0) < 0.9 * (40 * 1200**0.3 * 8**0.2 - 20)


@pytest.mark.parametrize("seed", range(4))
def test_the_form_of_the_study_is_fitted_as_scipy_fits_it(seed: int) -> None:
    """Its differences are evaluated at once; where it ends is where `curve_fit` does."""
    ratios = np.tile([1.0, 2.0, 4.0, 8.0], 3)
    sizes = np.repeat([1.3e8, 3e8, 5.2e8], 4)
    noise = np.random.default_rng(seed).normal(0, 0.003, 12)
    values = 3 * (sizes / 1e8) ** -0.4 * ratios**-0.3 + 0.1 + noise

    def form(scales: Any, a: float, x: float, y: float, c: float) -> Any:
        return a * scales[0] ** x * scales[1] ** y + c

    scales, kept = np.stack([sizes, ratios])[:, 1:-1], values[1:-1]
    start = (0.0, -0.5, -0.5, kept.mean())
    found, _ = scipy.optimize.curve_fit(form, scales, kept, start, maxfev=40_000)
    law = fit_study_setting(sizes, ratios, values)
    assert law.predict(1.2e9, 8.0) == pytest.approx(form((1.2e9, 8.0), *found), rel=1e-6)


def test_a_fit_without_end_is_refused_after_as_many_evaluations_as_scipy_counts(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ratios = np.tile([1.0, 2.0, 4.0, 8.0], 3)
    sizes = np.repeat([1.3e8, 3e8, 5.2e8], 4)
    values = 3 * (sizes / 1e8) ** -0.4 * ratios**-0.3 + 0.1
    scales, kept = np.stack([sizes, ratios])[:, 1:-1], values[1:-1]
    start = (0.0, -0.5, -0.5, kept.mean())
    _, _, told, _, reason = scipy.optimize.leastsq(
        lambda at: at[0] * scales[0] ** at[1] * scales[1] ** at[2] + at[3] - kept,
        start,
        full_output=True,
        maxfev=40_000,
    )
    assert reason in (1, 2, 3, 4)
    for allowed, ends in ((told["nfev"], True), (told["nfev"] // 2, False)):
        monkeypatch.setattr(_study_setting, "_EVALUATIONS", allowed)
        if ends:
            fit_study_setting(sizes, ratios, values)
        else:
            with pytest.raises(UserError, match="does not converge"):
                fit_study_setting(sizes, ratios, values)
