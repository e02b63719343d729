"""Variances of many cells: the pooled one where they agree, their own where they do not."""

import numpy as np

from bestiary.laws import draw_variances

OPTIMIZERS = [name for name in ("adamw", "muon", "soap") for _ in range(4)]
RATIOS = [ratio for _ in range(3) for ratio in (1.0, 2.0, 4.0, 8.0)]
FREEDOM = np.full(12, 4.0)


def drawn(variances: np.ndarray) -> np.ndarray:
    generator = np.random.default_rng(1)
    squares = variances * generator.chisquare(FREEDOM)
    pooled = squares.sum() / generator.chisquare(FREEDOM.sum(), 2000)
    return draw_variances(squares, FREEDOM, (OPTIMIZERS, RATIOS), pooled, generator)


def test_cells_that_agree_have_nearly_the_pooled_variance() -> None:
    medians = np.median(drawn(np.ones(12)), axis=0)
    assert medians.max() / medians.min() < 2.5
    assert 0.5 < medians.mean() < 2


def test_a_noisier_optimizer_is_noisier_at_all_its_ratios() -> None:
    true = np.array([16.0 if name == "soap" else 1.0 for name in OPTIMIZERS])
    medians = np.median(drawn(true), axis=0)
    assert medians[8:].min() > 3 * medians[:8].max()


def test_a_cell_without_runs_takes_after_its_optimizer_and_ratio() -> None:
    squares, freedom = np.array([4.0, 4.0, 400.0, 0.0]), np.array([4.0, 4.0, 4.0, 0.0])
    effects = (["adamw", "adamw", "soap", "soap"], [1.0, 2.0, 1.0, 2.0])
    pooled = np.full(2000, 34.0)
    found = draw_variances(squares, freedom, effects, pooled, np.random.default_rng(0))
    medians = np.median(found, axis=0)
    assert medians[3] > 3 * medians[1]
    assert np.isfinite(found).all()
