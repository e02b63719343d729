"""The rows of a plan added up: runs, tokens, FLOPs, device-hours and money, as bounds."""

from collections.abc import Callable, Iterable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from bestiary.specs import PURPOSES
from bestiary.tune import PlannedCost

PHASES: dict[str, str] = {key: name for key, name in PURPOSES.items() if key != "report"}
HOUR = 3600.0


class Rates(NamedTuple):
    """What running costs.

    Attributes:
        flops_per_second: Model FLOPs per second of one device, by size.
        devices: How many work at once.
        price: Of one device for one hour; 0 where nothing was said.
        own: The rate where it is known for a size and an optimizer.
    """

    flops_per_second: Mapping[str, float]
    devices: int
    price: float
    own: Mapping[tuple[str, str], float] = MappingProxyType({})

    def of(self, row: PlannedCost) -> float:
        """Model FLOPs per second of one device, for the runs of a row."""
        size = row.cell.size
        return self.own.get((size, row.optimizer), self.flops_per_second[size])


def group(
    rows: Iterable[PlannedCost], key: Callable[[PlannedCost], str], rates: Rates
) -> dict[str, dict[str, Any]]:
    """The sums of every group, in the order in which groups appear."""
    parts: dict[str, list[PlannedCost]] = {}
    for row in rows:
        parts.setdefault(key(row), []).append(row)
    return {name: total(part, rates) for name, part in parts.items()}


def total(rows: Iterable[PlannedCost], rates: Rates) -> dict[str, Any]:
    """The sums of rows. What stands alone is an upper bound, `least_...` the lower one."""
    rows = list(rows)
    seconds = _sum(rows, lambda row: row.flops / rates.of(row))
    tokens, flops = _sum(rows, lambda row: row.tokens), _sum(rows, lambda row: row.flops)
    found = {
        "tuning_runs": sum(row.runs for row in rows if row.purpose != "report"),
        **{key: sum(row.runs for row in rows if row.purpose == key) for key in PHASES},
        "report_runs": sum(row.runs for row in rows if row.purpose == "report"),
        "tokens": round(tokens[1]),
        "flops": round(flops[1]),
        "seconds": seconds[1] / rates.devices,
        "device_hours": seconds[1] / HOUR,
        "least_runs": sum(row.least for row in rows),
        "least_flops": round(flops[0]),
        "least_seconds": seconds[0] / rates.devices,
        "least_device_hours": seconds[0] / HOUR,
    }
    if rates.price:
        found["cost"] = found["device_hours"] * rates.price
        found["least_cost"] = found["least_device_hours"] * rates.price
    return found


def _sum(rows: Iterable[PlannedCost], each: Callable[[PlannedCost], float]) -> tuple[float, float]:
    """The lower and the upper bound of a quantity of one run."""
    pairs = [(row.least_of(each(row)), row.most_of(each(row))) for row in rows]
    return sum(low for low, _ in pairs), sum(high for _, high in pairs)
