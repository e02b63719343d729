"""The noise of a difference of two mean losses: what seeds in common take out of it."""

import math

from bestiary.evidence import Observation, SeedNoise
from bestiary.specs import Estimate


def difference(one: Observation, other: Observation, noise: SeedNoise) -> Estimate:
    """The first mean loss less the second, with the interval that the noise gives it.

    Args:
        one: With a loss.
        other: The same.
        noise: Of their size.
    """
    half = noise.half_width(deviation_of_difference(one, other, noise))
    value = one.loss - other.loss
    return Estimate(value=value, low=value - half, high=value + half)


def deviation_of_difference(one: Observation, other: Observation, noise: SeedNoise) -> float:
    """Standard deviation of the difference; luck shared with a seed cancels where both ran it."""
    first, second = len(one.done), len(other.done)
    both = 1 / first + 1 / second
    apart = both - 2 * len(one.seeds & other.seeds) / (first * second)
    return math.sqrt(noise.own**2 * both + noise.shared**2 * apart)
