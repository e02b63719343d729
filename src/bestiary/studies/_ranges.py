"""What each number of an optimizer can be, read from the types of its hyperparameters."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from msgspec import Meta

from bestiary.specs import RUN_RANGES, Feasible

if TYPE_CHECKING:
    from bestiary.optimizers import Optimizer


def ranges(entry: "Optimizer") -> dict[str, Feasible]:
    """The range of every number among its hyperparameters, and of a run's own coordinates.

    A range holds exactly what the type of the hyperparameter accepts.
    """
    own = {name: _range(info.type, info.default) for name, info in entry.fields.items()}
    return {name: one for name, one in own.items() if one is not None} | RUN_RANGES


def _range(kind: Any, default: Any) -> Feasible | None:
    """The range of a type; None where it is no number (a switch, a name)."""
    number = getattr(kind, "__origin__", kind)
    if number not in (float, int):
        return None
    bounds = [item for item in getattr(kind, "__metadata__", ()) if isinstance(item, Meta)]
    low, low_open = _tightest(((one.ge, one.gt) for one in bounds), -1)
    high, high_open = _tightest(((one.le, one.lt) for one in bounds), 1)
    # A rate that must stay below 1 and begins near it averages over 1 / (1 - h) steps.
    averages = high == 1 and high_open and isinstance(default, float) and default >= 0.5
    return Feasible(
        low=low,
        high=high,
        kind="whole" if number is int else "real",
        from_one=averages,
        low_open=low_open,
        high_open=high_open,
    )


def _tightest(
    ends: Iterable[tuple[float | None, float | None]], side: int
) -> tuple[float | None, bool]:
    """The innermost of several ends on one side (1 above, -1 below), and whether it is open."""
    given = [
        (float(end), is_open)
        for pair in ends
        for end, is_open in zip(pair, (False, True), strict=True)
        if end is not None
    ]
    if not given:
        return None, False
    return min(given, key=lambda one: (side * one[0], not one[1]))
