"""How much a study may spend before it ends with what is known."""

import sys

from bestiary.errors import UserError
from bestiary.specs import Limit, Runs, Spec

HOUR = 3600.0


class Caps(Spec, frozen=True, kw_only=True):
    """The most that a study may spend, all of its commands together; 0 is no limit.

    Attributes:
        runs: Runs with a result.
        device_hours: Hours of training and compilation, added up over devices.
        cost: What these hours cost.
        price: Of one device for one hour, in the unit of `cost`.

    Raises:
        UserError: a cost without a price.
    """

    runs: Runs = 0
    device_hours: Limit = 0.0
    cost: Limit = 0.0
    price: Limit = 0.0

    def __post_init__(self) -> None:
        if self.cost and not self.price:
            raise UserError(f"a cost of {self.cost:g} needs the price of a device-hour; give it")

    def reached(self, runs: int, device_seconds: float) -> str:
        """Which limit leaves no room for another run, in words; empty where there is room.

        Args:
            runs: Runs with a result or under way.
            device_seconds: Spent on them so far.
        """
        hours = device_seconds / HOUR
        if self.runs and runs >= self.runs:
            return f"{self.runs} runs"
        if self.device_hours and hours >= self.device_hours:
            return f"{self.device_hours:g} device-hours"
        if self.cost and hours * self.price >= self.cost:
            return f"a cost of {self.cost:g}"
        return ""

    def room(self, runs: int) -> int:
        """How many runs more may begin beside so many with a result or under way."""
        return max(0, self.runs - runs) if self.runs else sys.maxsize
