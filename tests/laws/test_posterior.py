"""The posterior of a curve: equals brute-force integration, follows exact data, knows its range."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import kstest

from bestiary.errors import UserError
from bestiary.laws import CurvePosterior, ExponentPrior, PowerLaw

RATIOS = np.array([1.0, 2.0, 4.0, 8.0])
LAW = PowerLaw(np.array(0.5), np.array(0.45), np.array(1.2))
QUANTILES = (0.025, 0.25, 0.5, 0.75, 0.975)


def draws(posterior: CurvePosterior, count: int = 4000) -> PowerLaw:
    return posterior.draws(np.ones(count), np.random.default_rng(0))


def by_integration(ratios: np.ndarray, losses: np.ndarray, deviation: float) -> tuple:
    """Quantiles of log B and of the loss at 16, on a grid of B and of the law's two ends."""
    log_B = np.linspace(np.log(0.15), np.log(2.0), 81)[:, None, None]
    first = losses[0] + np.linspace(-6, 6, 81)[None, :, None] * deviation
    last = losses[-1] + np.linspace(-6, 6, 81)[None, None, :] * deviation
    x = [D ** -np.exp(log_B) for D in (*ratios, 16.0)]
    a = (first - last) / (x[0] - x[-2])
    values = [last + a * (one - x[-2]) for one in x]
    misfit = sum((loss - one) ** 2 for loss, one in zip(losses, values[:-1], strict=True))
    weight = np.exp(-misfit / (2 * deviation**2)) * (last >= a * x[-2])
    found = []
    for value in (np.broadcast_to(log_B, weight.shape), values[-1]):
        order = value.ravel().argsort()
        below = weight.ravel()[order].cumsum() / weight.sum()
        found.append(np.interp(QUANTILES, below, value.ravel()[order]))
    return tuple(found)


@pytest.mark.parametrize("ratios", [(1.0, 2.0, 4.0), (1.0, 2.0, 4.0, 8.0)])
def test_draws_are_those_of_brute_force_integration(ratios: tuple[float, ...]) -> None:
    known = np.array(ratios)
    losses = LAW.loss(known) + np.array([0.002, -0.008, 0.004, 0.0])[: known.size]
    found = draws(CurvePosterior(known, losses, np.full(known.size, 0.01)))
    log_B, at_16 = by_integration(known, losses, 0.01)
    for drawn, expected in ((np.log(found.exponent), log_B), (found.loss(16.0), at_16)):
        width = expected[-1] - expected[0]
        np.testing.assert_allclose(np.quantile(drawn, QUANTILES), expected, atol=0.03 * width)


def test_two_ratios_leave_the_exponent_as_it_was() -> None:
    posterior = CurvePosterior(np.array([1.0, 4.0]), np.array([1.9, 1.6]), np.array([1e-4, 1e-4]))
    found, prior = draws(posterior), ExponentPrior()
    share = np.log(found.exponent / prior.low) / np.log(prior.high / prior.low)
    assert kstest(share, "uniform").pvalue > 0.01
    np.testing.assert_allclose(found.loss(4.0), 1.6, atol=6e-4)
    assert float(posterior.law().exponent) == pytest.approx(prior.centre, rel=1e-6)
    np.testing.assert_allclose(posterior.law().loss([1.0, 4.0]), [1.9, 1.6], rtol=1e-9)


@pytest.mark.slow
@given(st.floats(0.1, 1.0), st.floats(0.2, 1.2), st.floats(0.5, 4.0), st.floats(1e-6, 1e-4))
@settings(max_examples=40, deadline=None)
def test_an_exact_curve_comes_back(a: float, exponent: float, b: float, noise: float) -> None:
    truth = PowerLaw(np.array(a), np.array(exponent), np.array(b))
    posterior = CurvePosterior(RATIOS, truth.loss(RATIOS), np.full(4, noise))
    found = draws(posterior, 400)
    deviation = np.log(found.exponent).std()
    assert abs(np.log(posterior.law().exponent / exponent)) < 0.5 * deviation
    np.testing.assert_allclose(posterior.law().loss(RATIOS), truth.loss(RATIOS), atol=noise)
    assert np.quantile(found.exponent, 0.005) < exponent < np.quantile(found.exponent, 0.995)


@pytest.mark.slow
@given(st.permutations(range(4)), st.lists(st.floats(0.2, 9.0), min_size=4, max_size=4))
@settings(max_examples=60, deadline=None)
def test_whatever_the_losses_a_law_is_possible(order: list[int], losses: list[float]) -> None:
    posterior = CurvePosterior(RATIOS[order], np.array(losses), np.full(4, 0.02))
    for law in (posterior.law(), draws(posterior, 200)):
        assert (law.a >= 0).all()
        assert (law.b >= 0).all()
        assert np.isfinite(law.loss(2.0)).all()


def test_the_order_of_the_points_does_not_matter() -> None:
    losses = LAW.loss(RATIOS) + np.array([0.0, 0.01, 0.0, 0.0])
    forward = CurvePosterior(RATIOS, losses, np.full(4, 0.01)).law()
    backward = CurvePosterior(RATIOS[::-1], losses[::-1], np.full(4, 0.01)).law()
    assert float(forward.exponent) == pytest.approx(float(backward.exponent), rel=1e-9)


def test_a_rising_curve_is_flat_and_inverts_to_the_extremes() -> None:
    law = CurvePosterior(RATIOS, np.array([1.0, 1.1, 1.2, 1.3]), np.full(4, 0.01)).law()
    assert float(law.a) == 0
    assert float(law.log_ratio(1.0)) == np.inf
    assert float(law.log_ratio(1.3)) == -np.inf


def test_one_ratio_and_an_empty_range_are_refused() -> None:
    with pytest.raises(UserError, match="2 different ratios"):
        CurvePosterior(np.ones(2), np.array([1.9, 1.8]), np.ones(2))
    with pytest.raises(UserError, match="0 < low < high"):
        ExponentPrior(0.5, 0.5)
