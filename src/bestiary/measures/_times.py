"""Seconds per training token over the baseline's, with the doubt of the clock."""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from bestiary.evidence import Evidence, Key, Observation
from bestiary.laws import Noise, cell_noise, pooled
from bestiary.measures._drawn import Drawn, stream
from bestiary.specs import DRAWS

# The relative change below which two timings count as the same.
_RESOLUTION = 1e-6
# Degrees of freedom below which one size alone says too little about the noise of its clock.
ENOUGH = 4


def log_time_ratios(evidence: Evidence, *, seed: int = 0, count: int = DRAWS) -> dict[Key, Drawn]:
    """Log of seconds per token over the baseline's at the same cell, and its draws.

    Where no configuration was timed twice the spread is unknown: every draw is infinite, on one
    side or the other, and the interval has no bounds.
    """
    timed = [one for one in evidence.found if one.seconds_per_token]
    baselines = {one.cell: one for one in timed if one.optimizer == evidence.baseline}
    noise = {size: _noise(timed, size) for size in evidence.sizes}
    drawn = {}
    for one in timed:
        if one.optimizer != evidence.baseline and one.cell in baselines:
            generator = stream(seed, "time", one.size, one.ratio, one.optimizer)
            other = baselines[one.cell]
            drawn[one.key] = _ratio(one, other, noise[one.size], generator, count)
    return drawn


def _noise(timed: Sequence[Observation], size: str) -> Noise | None:
    """The noise of log seconds per token; None where no configuration was timed twice."""
    here = _pooled(one for one in timed if one.size == size)
    if here.own_freedom >= ENOUGH:
        return here
    everywhere = _pooled(timed)
    return everywhere if everywhere.own_freedom else None


def _pooled(timed: Iterable[Observation]) -> Noise:
    """Of all cells. Every run is a block of its own: seeds share no clock."""
    cells: dict[object, list[tuple[str, float]]] = {}
    for one in timed:
        times = [(one.optimizer, math.log(seconds)) for seconds in one.seconds_per_token]
        cells.setdefault(one.cell, []).extend(times)
    return pooled(
        cell_noise([time for _, time in runs], [name for name, _ in runs], range(len(runs)))
        for runs in cells.values()
    )


def _ratio(
    one: Observation,
    baseline: Observation,
    noise: Noise | None,
    generator: np.random.Generator,
    count: int,
) -> Drawn:
    """The difference of mean logs; draws are as wide as a t distribution makes them."""
    own = [math.log(seconds) for seconds in one.seconds_per_token]
    other = [math.log(seconds) for seconds in baseline.seconds_per_token]
    value = float(np.mean(own) - np.mean(other))
    normal_K = generator.normal(size=count)
    if noise is None:
        return Drawn(value, np.where(normal_K > 0, np.inf, -np.inf))
    deviation_K, _ = noise.draws(generator, count)
    spread_K = np.maximum(deviation_K, _RESOLUTION) * math.sqrt(1 / len(own) + 1 / len(other))
    return Drawn(value, value + spread_K * normal_K)
