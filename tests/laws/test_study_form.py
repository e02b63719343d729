"""The study's own curve fit: equals scipy's, inverts exactly, many at once as one at a time."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from bestiary.errors import UserError
from bestiary.laws import fit_study_form, fit_study_forms

RATIO = np.array([1.0, 2.0, 4.0, 8.0])
# AdamW at 130m and 300m, the study's minima (Apache-2.0, WhenWen/marin 122c5018).
LOSSES = np.array(
    [[3.529143, 3.407787, 3.321656, 3.260564], [3.262937, 3.163545, 3.094309, 3.042271]]
)
curves = st.tuples(st.floats(0.1, 1.0), st.floats(0.1, 1.2), st.floats(1.0, 4.0))


@pytest.mark.parametrize("loss", LOSSES)
def test_it_is_the_least_squares_minimum(loss: np.ndarray) -> None:
    form = fit_study_form(RATIO, loss)
    other = least_squares(
        lambda p: p[0] * RATIO ** -p[1] + p[2] - loss, (0.3, 0.4, 2.8), xtol=1e-15, ftol=1e-15
    )
    np.testing.assert_allclose((form.a, form.B, form.b), other.x, atol=2e-5)


def test_many_fits_equal_single_fits() -> None:
    noise = 8e-4 * np.random.default_rng(0).normal(size=(20, 4))
    losses = LOSSES[0] + noise
    together = fit_study_forms(RATIO, losses)
    singly = np.array([fit_study_form(RATIO, loss) for loss in losses])
    np.testing.assert_allclose(np.stack(together, axis=1), singly, atol=1e-4)


@given(curves)
@settings(max_examples=50, deadline=None)
def test_an_exact_curve_comes_back_and_inverts(curve: tuple[float, float, float]) -> None:
    a, B, b = curve
    form = fit_study_forms(RATIO, (a * RATIO**-B + b)[None])
    np.testing.assert_allclose((form.a[0], form.B[0], form.b[0]), curve, rtol=1e-4)
    np.testing.assert_allclose(form.ratio(form.loss(RATIO)), RATIO, rtol=1e-9)


def test_a_loss_that_no_data_reaches_needs_infinite_data() -> None:
    form = fit_study_form(RATIO, LOSSES[0])
    assert form.ratio(form.b - 0.01) == np.inf


def test_two_ratios_are_refused() -> None:
    with pytest.raises(UserError, match="at least 3 data-to-model ratios, got 2"):
        fit_study_form(RATIO[:2], LOSSES[0, :2])
