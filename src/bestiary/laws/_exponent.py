"""What is assumed of the exponent of a loss curve before the losses are seen."""

import math
from dataclasses import dataclass

from bestiary.errors import UserError

# Where nothing is assumed, exponents are searched between these: nearly a logarithm, nearly a step.
EXPONENTS = (0.02, 4.0)


@dataclass(frozen=True)
class ExponentPrior:
    """B lies in a range, and no value of log B in it is likelier than another.

    The 35 published curves of four ratios (eleven optimizers, 130m to 1.2b, arXiv 2509.02046) have
    exponents of 0.41 give or take 17%, AdamW's four 0.48, and those of data in joint laws of other
    work lie between 0.28 and 0.37. The default range is a third to three times 0.45, which holds
    all of them with room for other data and much smaller models. Within it the losses decide.

    Attributes:
        low: The least exponent.
        high: The greatest.
    """

    low: float = 0.15
    high: float = 2.0

    def __post_init__(self) -> None:
        if not 0 < self.low < self.high:
            raise UserError(
                f"a range of exponents needs 0 < low < high, got [{self.low}, {self.high}]"
            )

    @property
    def centre(self) -> float:
        """The median of B."""
        return math.sqrt(self.low * self.high)

    @property
    def spread(self) -> float:
        """The standard deviation of log B."""
        return math.log(self.high / self.low) / math.sqrt(12)
