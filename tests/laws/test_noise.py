"""Seed noise: textbook analysis of variance where balanced, unbiased where runs are missing."""

import numpy as np
import pytest

from bestiary.laws import Noise, cell_noise, pooled


def cell(generator: np.random.Generator, own: float, shared: float, missing: int = 0) -> Noise:
    """Three optimizers by three seeds, the last few runs missing."""
    groups, seeds = (grid.ravel() for grid in np.meshgrid(range(3), range(3), indexing="ij"))
    values = groups + generator.normal(0, shared, 3)[seeds] + generator.normal(0, own, 9)
    kept = slice(0, 9 - missing)
    return cell_noise(values[kept], groups[kept], seeds[kept])


def test_a_balanced_cell_is_the_two_way_table() -> None:
    losses = np.random.default_rng(0).normal(size=(3, 4))
    groups, seeds = np.meshgrid(range(3), range(4), indexing="ij")
    noise = cell_noise(losses.ravel(), groups.ravel(), seeds.ravel())
    centred = losses - losses.mean(1, keepdims=True) - losses.mean(0) + losses.mean()
    assert noise.own_squares == pytest.approx((centred**2).sum())
    assert noise.own_freedom == 6
    assert noise.shared_squares == pytest.approx(3 * ((losses.mean(0) - losses.mean()) ** 2).sum())
    assert noise.shared_freedom == 3
    assert noise.shared_weight == pytest.approx(9)


@pytest.mark.slow
@pytest.mark.parametrize("missing", [0, 2])
def test_pooled_cells_give_both_deviations(missing: int) -> None:
    generator = np.random.default_rng(1)
    noise = pooled(cell(generator, 0.01, 0.02, missing) for _ in range(2000))
    assert noise.own == pytest.approx(0.01, rel=0.05)
    assert noise.shared == pytest.approx(0.02, rel=0.05)
    assert noise.total == pytest.approx(np.hypot(0.01, 0.02), rel=0.05)


def test_one_optimizer_alone_counts_all_noise_as_own() -> None:
    noise = cell_noise([1.0, 1.2, 1.4], ["adamw"] * 3, [1, 2, 3])
    assert noise.own == pytest.approx(0.2)
    assert noise.shared == 0


def test_one_seed_measures_nothing() -> None:
    noise = cell_noise([1.0, 1.2], ["adamw", "muon"], [1, 1])
    assert noise.own_freedom == 0
    assert noise.total == 0


def test_draws_have_the_tails_of_students_t() -> None:
    noise = Noise(own_squares=4 * 0.01**2, own_freedom=4)
    generator = np.random.default_rng(2)
    own, shared = noise.draws(generator, 200_000)
    mean = generator.normal(size=own.size) * own
    assert np.quantile(mean, 0.975) == pytest.approx(2.776 * 0.01, rel=0.02)
    assert not shared.any()
