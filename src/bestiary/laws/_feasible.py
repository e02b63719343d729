"""What a hyperparameter can be: its range, and the values in it that can run."""

import math
from dataclasses import dataclass
from typing import Literal

from bestiary.errors import UserError


@dataclass(frozen=True)
class Feasible:
    """The values that a hyperparameter can take.

    Attributes:
        low: The least, itself allowed.
        high: The greatest, itself allowed.
        kind: `real`; `whole` (steps); `power of two` (batch sizes that fill a device).
        from_one: Laws are fitted to 1 - h rather than h, as for averaging rates near 1.
    """

    low: float = 0.0
    high: float = math.inf
    kind: Literal["real", "whole", "power of two"] = "real"
    from_one: bool = False

    def __post_init__(self) -> None:
        if not self.low < self.high:
            raise UserError(f"a feasible range needs low < high, got [{self.low}, {self.high}]")

    def nearest(self, value: float) -> float:
        """The value that can run and is nearest (in ratio, for powers of two)."""
        bounded = min(max(value, self.low), self.high)
        if self.kind == "real":
            return bounded
        if self.kind == "whole":
            whole = float(round(bounded))
            return whole - (whole > self.high) + (whole < self.low)
        power = 2.0 ** round(math.log2(max(bounded, 1.0)))
        return power * 2.0 ** ((power < self.low) - (power > self.high))

    def complaint(self, value: float) -> str:
        """Why a value cannot run, in words; empty where it can."""
        if not math.isfinite(value):
            return "is not a number"
        if not self.low <= value <= self.high:
            return f"lies outside [{self.low:g}, {self.high:g}]"
        if self.kind != "real" and not math.isclose(value, self.nearest(value), abs_tol=1e-9):
            return f"is no {'whole number' if self.kind == 'whole' else 'power of two'}"
        return ""
