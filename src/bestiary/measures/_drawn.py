"""A number known by its draws, and how several of them combine. Shape suffix: K draws."""

import zlib
from dataclasses import dataclass

import numpy as np

from bestiary.laws import Array


@dataclass(frozen=True)
class Drawn:
    """A number and its draws; infinite where the curve cannot be inverted."""

    value: float
    draws: Array

    def __sub__(self, other: "Drawn") -> "Drawn":
        """The difference, draw by draw."""
        with np.errstate(invalid="ignore"):
            return Drawn(self.value - other.value, _spread(self.draws - other.draws))

    def times(self, factor: float) -> "Drawn":
        """The number and every draw times a factor."""
        return Drawn(factor * self.value, factor * self.draws)


def mean_of(numbers: list[Drawn]) -> Drawn:
    """The mean of several numbers, draw by draw."""
    with np.errstate(invalid="ignore"):
        draws_K = np.mean([one.draws for one in numbers], axis=0)
    return Drawn(float(np.mean([one.value for one in numbers])), _spread(draws_K))


def _spread(draws_K: Array) -> Array:
    """Draws that say nothing (infinity less infinity) become infinite, on either side in turn."""
    sides_K = np.where(np.arange(draws_K.size) % 2, np.inf, -np.inf)
    return np.where(np.isnan(draws_K), sides_K, draws_K)


def stream(seed: int, *names: object) -> np.random.Generator:
    """Random numbers that depend on the seed and these names alone."""
    return np.random.default_rng([seed, zlib.crc32("/".join(map(str, names)).encode())])
