"""How much of a difference is luck: the seed noise that a record's own repeated runs show."""

import math

from scipy.stats import t as student

from bestiary.analysis import Analysis, Row
from bestiary.laws import Noise, cell_noise, pooled

# Degrees of freedom below which one size alone says too little, as in the analysis.
ENOUGH = 4
BAND = "rgba(138,143,152,0.20)"


def own_noise(analysis: Analysis, size: str) -> Noise | None:
    """What seeds do to one optimizer alone, at one size; from all sizes where it has few runs.

    Noise that all optimizers share with a seed cancels in a difference at equal seeds.

    Returns:
        None where no cell has two seeds: nothing was measured.
    """
    here = _pooled([row for row in analysis.rows if row.size == size])
    found = here if here.own_freedom >= ENOUGH else _pooled(list(analysis.rows))
    return found if found.own_freedom else None


def half_width(noise: Noise | None, seeds: int) -> float:
    """The difference of two means over so many shared seeds that luck exceeds once in 20; or 0."""
    if noise is None:
        return 0.0
    return float(student.ppf(0.975, noise.own_freedom)) * noise.own * math.sqrt(2 / seeds)


def _pooled(rows: list[Row]) -> Noise:
    parts = []
    for cell in dict.fromkeys((row.size, row.ratio) for row in rows):
        runs = [
            (seed.loss, row.optimizer, seed.seed)
            for row in rows
            for seed in row.seeds
            if (row.size, row.ratio) == cell and seed.loss is not None
        ]
        if runs:
            losses, names, seeds = zip(*runs, strict=True)
            parts.append(cell_noise(losses, names, seeds))
    return pooled(parts)
