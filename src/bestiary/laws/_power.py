"""The power law with an asymptote, and its inverse.

Shape suffixes: R ratios, K draws.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


@dataclass(frozen=True)
class PowerLaw:
    """L(D) = a D^-B + b, or K such laws at once.

    Attributes:
        a: Loss above the asymptote at D = 1, in nats; 0 is a curve that does not fall.
        exponent: B, positive.
        b: The asymptote, in nats.
    """

    a: Array
    exponent: Array
    b: Array

    def loss(self, ratio: ArrayLike) -> Array:
        """L(D); broadcasts `ratio` against the parameters."""
        return np.asarray(self.a * np.asarray(ratio, float) ** -self.exponent + self.b)

    def log_ratio(self, loss: ArrayLike) -> Array:
        """Log of the D at which the law reaches `loss`: -(log(loss - b) - log a) / B.

        At or below the asymptote it is +inf: no amount of data is enough. On a curve that does not
        fall (a = 0) it is +inf at or below the curve and -inf above it.
        """
        above = np.asarray(loss, float) - self.b
        with np.errstate(divide="ignore", invalid="ignore"):
            log_ratio = (np.log(self.a) - np.log(above)) / self.exponent
        return np.where(above <= 0, np.inf, log_ratio)

    def __getitem__(self, index: int) -> "PowerLaw":
        """One of the K laws."""
        return PowerLaw(self.a[index], self.exponent[index], self.b[index])
