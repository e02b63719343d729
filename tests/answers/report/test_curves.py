"""What a figure shows of a run's losses is worked out here."""

import numpy as np
import pytest

from bestiary.answers.report._analyse import indistinct
from bestiary.answers.report._curves import final_mean, running_mean
from bestiary.evidence import LossCourse, SeedNoise, stated_noise
from bestiary.laws import Noise

SHAKY = LossCourse(
    progress=tuple(float(tokens) for tokens in range(10, 1010, 10)),
    losses=tuple(2.0 + 0.1 * (-1) ** step for step in range(100)),
)


def test_a_training_loss_is_the_mean_of_its_neighbourhood() -> None:
    mean = running_mean(SHAKY)
    assert mean.progress == SHAKY.progress
    # Two points on either side, inside 2.5% of 1000 tokens: 0.1 x (3 - 2) / 5.
    assert np.abs(np.array(mean.losses[2:-2]) - 2.0) == pytest.approx(np.full(96, 0.02))


def test_a_final_training_loss_is_the_mean_of_the_end() -> None:
    # The last 5% are five points, of which three lie below: 0.1 x (2 - 3) / 5.
    assert final_mean(SHAKY) == pytest.approx(2.0 - 0.02)
    assert final_mean(LossCourse()) is None


def test_two_tuning_runs_are_told_apart_beyond_their_paired_noise() -> None:
    squares = Noise(own_squares=10 * 0.01**2, own_freedom=10)
    noise = SeedNoise(squares=squares, source="measured", measured=True)
    # t(0.975, 10) = 2.228 (any table) x 0.01 x sqrt(2), and over two seeds by sqrt(2) less.
    found = indistinct({"16k": noise, "65k": stated_noise(0.01, "assumed")})
    assert found == {"16k": pytest.approx(0.03151, abs=1e-5)}
    assert noise.half_width(noise.paired / 2**0.5) == pytest.approx(0.02228, abs=1e-5)
