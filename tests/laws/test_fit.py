"""The bounded fit: equals scipy's, recovers exact curves, falls back on its prior, refuses rest."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares

from bestiary.errors import UserError
from bestiary.laws import ExponentPrior, PowerLaw, conditioning, fit_power_law

RATIOS = np.array([1.0, 2.0, 4.0, 8.0])
# AdamW's tuned losses in arXiv 2509.02046 and the fits its authors printed (Apache-2.0).
PUBLISHED = {
    "130m": ((3.529143, 3.407787, 3.321656, 3.260564), (0.41787, 0.49500, 3.11128)),
    "300m": ((3.262937, 3.163545, 3.094309, 3.042271), (0.34975, 0.47736, 2.91301)),
}
parameters = st.tuples(st.floats(0.1, 1.0), st.floats(0.1, 1.2), st.floats(0.5, 4.0))


@pytest.mark.parametrize("size", PUBLISHED)
def test_published_curves_come_back(size: str) -> None:
    losses, expected = PUBLISHED[size]
    law = fit_power_law(RATIOS, losses)
    np.testing.assert_allclose((law.a, law.exponent, law.b), expected, atol=1e-5)


def test_a_huber_fit_is_scipys_huber_minimum() -> None:
    ratios = 2.0 ** np.arange(7)
    losses = 0.5 * ratios**-0.45 + 2.0 + np.array([0, 1e-3, -1e-3, 0.08, 1e-3, 0, -1e-3])
    other = least_squares(
        lambda p: p[0] * ratios ** -p[1] + p[2] - losses,
        (0.4, 0.5, 2.0),
        loss="huber",
        f_scale=2e-3,
        xtol=1e-15,
        ftol=1e-15,
        gtol=1e-15,
    ).x
    law = fit_power_law(ratios, losses, huber=2e-3)
    np.testing.assert_allclose((law.a, law.exponent, law.b), other, rtol=2e-3)
    plain = fit_power_law(ratios, losses)
    assert abs(law.exponent - 0.45) < abs(plain.exponent - 0.45)


@given(parameters)
@settings(max_examples=40, deadline=None)
def test_an_exact_curve_comes_back_and_inverts(curve: tuple[float, float, float]) -> None:
    truth = PowerLaw(*map(np.asarray, curve))
    law = fit_power_law(RATIOS, truth.loss(RATIOS))
    np.testing.assert_allclose((law.a, law.exponent, law.b), curve, rtol=1e-4)
    np.testing.assert_allclose(np.exp(law.log_ratio(law.loss(RATIOS))), RATIOS, rtol=1e-9)


def test_many_fits_equal_single_fits() -> None:
    losses_KR = np.array(PUBLISHED["130m"][0]) + np.random.default_rng(0).normal(0, 1e-3, (20, 4))
    together = fit_power_law(RATIOS, losses_KR)
    for index, losses_R in enumerate(losses_KR):
        single = fit_power_law(RATIOS, losses_R)
        assert together[index].exponent == pytest.approx(float(single.exponent), rel=1e-12)


def test_the_order_of_the_points_does_not_matter() -> None:
    losses = np.array(PUBLISHED["300m"][0])
    forward, backward = fit_power_law(RATIOS, losses), fit_power_law(RATIOS[::-1], losses[::-1])
    assert float(forward.exponent) == pytest.approx(float(backward.exponent), rel=1e-6)


def test_a_rising_curve_becomes_flat_and_inverts_to_the_extremes() -> None:
    law = fit_power_law(RATIOS, [1.0, 1.1, 1.2, 1.3])
    assert float(law.a) == 0
    assert float(law.log_ratio(1.0)) == np.inf
    assert float(law.log_ratio(1.3)) == -np.inf


def test_the_asymptote_is_never_negative() -> None:
    law = fit_power_law(RATIOS, 2 * RATIOS**-0.5 - 0.5)
    assert float(law.b) == 0


@pytest.mark.parametrize(
    ("ratios", "losses", "message"),
    [
        ([1, 2], [2.0, 1.9], "3 different ratios"),
        ([1, 2, 2], [2.0, 1.9, 1.9], "3 different ratios"),
        ([1, 2, 4], [2.0, np.nan, 1.8], "losses must be finite"),
        ([0, 2, 4], [2.0, 1.9, 1.8], "ratios must be finite and positive"),
    ],
)
def test_what_cannot_be_fitted_is_refused(ratios: list, losses: list, message: str) -> None:
    with pytest.raises(UserError, match=message):
        fit_power_law(ratios, losses)


def test_the_covariance_is_that_of_the_fits_to_noisy_data() -> None:
    truth = PowerLaw(np.asarray(0.5), np.asarray(0.5), np.asarray(2.0))
    ratios, sigma = 2.0 ** np.arange(6), 2e-4
    noisy = truth.loss(ratios) + np.random.default_rng(1).normal(0, sigma, (4000, 6))
    laws = fit_power_law(ratios, noisy)
    sample = np.cov(np.stack([np.log(laws.a), np.log(laws.exponent), laws.b]))
    known = conditioning(truth, ratios, np.full(6, sigma))
    assert known is not None
    np.testing.assert_allclose(sample, known.covariance, rtol=0.1)
    assert known.condition_number > 10
    assert known.correlations[1, 2] > 0.9


def test_two_points_without_a_prior_have_no_conditioning() -> None:
    law = PowerLaw(np.asarray(0.5), np.asarray(0.5), np.asarray(2.0))
    assert conditioning(law, [1, 2], [0.01, 0.01]) is None
    assert conditioning(law, [1, 2], [0.01, 0.01], ExponentPrior()) is not None
