"""The profile likelihood: known cases by hand, agreement with a brute-force minimum, coverage."""

from functools import partial

import numpy as np
import pytest
from scipy.optimize import minimize

from bestiary import laws
from bestiary.laws import ExponentPrior, PowerLaw

LAW = PowerLaw(np.array(0.5), np.array(0.45), np.array(1.2))
RATIOS = np.array([1.0, 2.0, 4.0, 8.0])
profile_speedup = partial(laws.profile_speedup, reach=10.0)


def covariance(own: float, shared: float, at: int) -> np.ndarray:
    """Four losses of the baseline and one that shares its seeds with the one at index `at`."""
    matrix = np.eye(5) * (own**2 + shared**2)
    matrix[4, at] = matrix[at, 4] = shared**2
    return matrix


def test_without_noise_the_least_deviance_is_at_the_truth() -> None:
    losses = np.append(LAW.loss(RATIOS), LAW.loss(4 * 1.3))
    profile = profile_speedup(RATIOS, losses, covariance=1e-6 * np.eye(5), at=4.0)
    best = profile.log_speedup[profile.deviance.argmin()]
    assert best == pytest.approx(np.log(1.3), abs=0.01)
    low, high = profile.interval()
    assert low < np.log(1.3) < high
    assert high - low < 0.05


def test_deviance_is_the_minimum_over_the_law() -> None:
    generator = np.random.default_rng(0)
    matrix, prior = covariance(0.004, 0.01, 2), ExponentPrior()
    losses = np.append(LAW.loss(RATIOS), LAW.loss(4 * 1.3))
    losses = losses + generator.multivariate_normal(np.zeros(5), matrix)
    profile = profile_speedup(RATIOS, losses, covariance=matrix, at=4.0, prior=prior)
    inverse = np.linalg.inv(matrix)

    def cost(values: np.ndarray, log_speedup: float | None = None) -> float:
        a, exponent, b = np.exp(values[0]), np.exp(values[1]), values[2]
        s = values[3] if log_speedup is None else log_speedup
        residual = losses - a * np.append(RATIOS, 4 * np.exp(s)) ** -exponent - b
        outside = max(0.0, prior.low - exponent, exponent - prior.high)
        return float(residual @ inverse @ residual + 1e6 * outside)

    options = {"xatol": 1e-9, "fatol": 1e-9, "maxiter": 20_000, "maxfev": 20_000}
    start = [*np.log([0.5, 0.45]).tolist(), 1.2]
    free = minimize(cost, [*start, 0.26], method="Nelder-Mead", options=options).fun
    for index in (180, 240, 300):
        at = float(profile.log_speedup[index])
        held = minimize(cost, start, args=(at,), method="Nelder-Mead", options=options).fun
        assert profile.deviance[index] == pytest.approx(held - free, abs=0.02, rel=0.01)


def test_ends_are_open_where_the_law_cannot_say() -> None:
    """Two ratios, no prior worth the name, and much noise: no upper end."""
    losses = np.array([1.7, 1.66, 1.6])
    wide = ExponentPrior(0.02, 4.0)
    profile = profile_speedup([1, 2], losses, covariance=1e-3 * np.eye(3), at=2.0, prior=wide)
    assert profile.interval()[1] == np.inf


def test_fewer_degrees_of_freedom_are_wider() -> None:
    losses = np.append(LAW.loss(RATIOS), LAW.loss(4 * 1.3))
    profile = profile_speedup(RATIOS, losses, covariance=1e-5 * np.eye(5), at=4.0)
    (low, high), (low_t, high_t) = profile.interval(), profile.interval(freedom=3)
    assert (high_t - low_t) / (high - low) == pytest.approx(3.18 / 1.96, rel=0.1)


@pytest.mark.slow
def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    generator, matrix, held = np.random.default_rng(1), covariance(0.002, 0.005, 2), 0
    truth = np.append(LAW.loss(RATIOS), LAW.loss(4 * 1.3))
    for _ in range(150):
        losses = truth + generator.multivariate_normal(np.zeros(5), matrix)
        low, high = profile_speedup(RATIOS, losses, covariance=matrix, at=4.0).interval()
        held += low <= np.log(1.3) <= high
    assert 0.90 <= held / 150 <= 0.99
