"""Seconds per training token over the baseline's, with the doubt of the clock."""

import math
import zlib

import numpy as np

from bestiary.analysis._draws import DRAWS, Drawn
from bestiary.analysis._noise import time_noise
from bestiary.analysis._observations import Observations, Reported, of_size
from bestiary.laws import Noise
from bestiary.specs import Cell

# The relative change below which two timings count as the same.
_RESOLUTION = 1e-6


def log_time_ratios(
    found: Observations, size: str, baseline: str, *, seed: int = 0, count: int = DRAWS
) -> dict[tuple[str, Cell], Drawn]:
    """Log of seconds per token over the baseline's at the same cell, and its draws.

    Where no configuration was timed twice the spread is unknown: every draw is infinite, on one
    side or the other, and the interval has no bounds.
    """
    noise = time_noise(found, size)
    drawn = {}
    for cell, groups in of_size(found, size).items():
        if baseline not in groups or not groups[baseline].seconds_per_token:
            continue
        for name, group in groups.items():
            if name == baseline or not group.seconds_per_token:
                continue
            place = f"time/{size}/{cell.ratio}/{name}"
            generator = np.random.default_rng([seed, zlib.crc32(place.encode())])
            drawn[name, cell] = _ratio(group, groups[baseline], noise, generator, count)
    return drawn


def _ratio(
    group: Reported,
    baseline: Reported,
    noise: Noise | None,
    generator: np.random.Generator,
    count: int,
) -> Drawn:
    """The difference of mean logs; draws are as wide as a t distribution makes them."""
    own = [math.log(seconds) for seconds in group.seconds_per_token.values()]
    other = [math.log(seconds) for seconds in baseline.seconds_per_token.values()]
    value = float(np.mean(own) - np.mean(other))
    normal_K = generator.normal(size=count)
    if noise is None:
        return Drawn(value, np.where(normal_K > 0, np.inf, -np.inf))
    deviation_K, _ = noise.draws(generator, count)
    spread_K = np.maximum(deviation_K, _RESOLUTION) * math.sqrt(1 / len(own) + 1 / len(other))
    return Drawn(value, value + spread_K * normal_K)
