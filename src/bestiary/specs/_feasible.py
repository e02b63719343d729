"""What a hyperparameter can be: its range, and the values in it that can run."""

import math
from typing import Literal

from bestiary.errors import UserError
from bestiary.specs._bounds import LEAST, MOST, MOST_COUNT, beyond_single
from bestiary.specs._spec import Spec

# What is trained is in single precision: nearer to an end than this it is the end itself.
_STEP = 2.0**-23


class Feasible(Spec, frozen=True, omit_defaults=True):
    """The values that a hyperparameter can take, the ends included unless they are open.

    Attributes:
        low: The least; None where there is no end.
        high: The greatest; None where there is no end.
        kind: `real`; `whole` (steps); `power of two` (batch sizes that fill a device).
        from_one: Laws are fitted to 1 - h rather than h, as for averaging rates near 1.
        low_open: Whether `low` itself is too little, as 0 is for a learning rate.
        high_open: Whether `high` itself is too much, as 1 is for an averaging rate.

    Raises:
        UserError: there is no value in the range.
    """

    low: float | None = 0.0
    high: float | None = None
    kind: Literal["real", "whole", "power of two"] = "real"
    from_one: bool = False
    low_open: bool = False
    high_open: bool = False

    def __post_init__(self) -> None:
        one_value = self.bottom == self.top and not (self.low_open or self.high_open)
        if not (self.bottom < self.top or one_value):
            raise UserError(
                "a feasible range needs low < high, or one value that is allowed, "
                f"got {self.in_brackets}"
            )

    @property
    def bottom(self) -> float:
        """`low` as a number."""
        return -math.inf if self.low is None else self.low

    @property
    def top(self) -> float:
        """`high` as a number."""
        return math.inf if self.high is None else self.high

    @property
    def in_brackets(self) -> str:
        """The range as it is written: `[0, 1)`."""
        left = "(" if self.low_open or self.low is None else "["
        right = ")" if self.high_open or self.high is None else "]"
        return f"{left}{self.bottom:g}, {self.top:g}{right}"

    def holds(self, value: float) -> bool:
        """Whether a number lies in the range, whatever its kind."""
        above = value > self.bottom if self.low_open else value >= self.bottom
        below = value < self.top if self.high_open else value <= self.top
        return above and below

    def ends_at(self, value: float) -> bool:
        """Whether a value is the last that is allowed on a side: nothing lies beyond it."""
        return (value == self.low and not self.low_open) or (
            value == self.high and not self.high_open
        )

    def within(self, value: float) -> float:
        """The number of the range nearest to a value, whatever its kind."""
        low, high = self.bottom, self.top
        low += _inside(low) if self.low_open else 0.0
        high -= _inside(high) if self.high_open else 0.0
        return min(max(value, low), high)

    def nearest(self, value: float) -> float:
        """The value that can run and is nearest (in ratio, for powers of two)."""
        bounded = self.within(value)
        if self.kind == "real":
            return self._in_single(bounded)
        bounded = min(bounded, MOST_COUNT)
        if self.kind == "whole":
            whole = float(round(bounded))
            return whole + (not self.holds(whole)) * (1 if whole <= self.bottom else -1)
        power = 2.0 ** round(math.log2(max(bounded, 1.0)))
        return power * (1.0 if self.holds(power) else 2.0 if power <= self.bottom else 0.5)

    def _in_single(self, value: float) -> float:
        """The number of the range nearest to one of it that single precision holds."""
        size = min(abs(value), MOST)
        if 0 < size < LEAST:
            size = 0.0 if self.holds(0.0) else LEAST
        return math.copysign(size, value) if size else 0.0

    def complaint(self, value: float) -> str:
        """Why a value cannot run, in words; empty where it can."""
        if not math.isfinite(value):
            return "is not a number"
        if not self.holds(value):
            return f"lies outside {self.in_brackets}"
        if self.kind != "real" and not math.isclose(value, self.nearest(value), abs_tol=1e-9):
            return f"is no {'whole number' if self.kind == 'whole' else 'power of two'}"
        return beyond_single(value if self.kind == "real" else round(value))


def _inside(end: float) -> float:
    """How far from an open end the next number lies."""
    return max(abs(end) * _STEP, LEAST) if math.isfinite(end) else 0.0
