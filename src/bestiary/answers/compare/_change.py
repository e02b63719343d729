"""What changed at one cell between two studies, and for one optimizer over all of them."""

from typing import Literal

from bestiary.specs import Estimate, Spec

Change = Literal["beyond noise", "within noise", "not known"]


class Fact(Spec, frozen=True, kw_only=True):
    """Something about the studies themselves that differs; empty where a study does not have it."""

    name: str
    first: str
    second: str


class LossChange(Spec, frozen=True, kw_only=True):
    """One optimizer at one cell in both studies.

    Attributes:
        change: Second loss minus first, with its interval from the noise of both.
        losses: Whether the loss changed.
        speedup_ratio: Second speedup over first; its interval takes the two as independent.
        speedups: Whether the speedup changed.
        settings: Hyperparameters that differ, as `name first -> second`.
        baseline: Whether it is the baseline, whose speedup is 1 in both.
    """

    optimizer: str
    size: str
    ratio: float
    first: float
    second: float
    change: Estimate
    losses: Change
    speedup_ratio: Estimate
    speedups: Change
    settings: tuple[str, ...]
    baseline: bool


class WinnerChange(Spec, frozen=True, kw_only=True):
    """The lowest loss of a cell in both studies, among the optimizers that both have there.

    Attributes:
        change: Whether the first study's winner is behind in the second by more than noise.
    """

    size: str
    ratio: float
    first: str
    second: str
    change: Change


class OptimizerChange(Spec, frozen=True, kw_only=True):
    """One optimizer over all cells that both studies have.

    Attributes:
        change: Mean of second loss minus first.
        losses: Whether that is more than noise.
        speedup_ratio: Geometric mean of second speedup over first.
        speedups: Whether that is more than noise.
    """

    optimizer: str
    cells: int
    change: Estimate
    losses: Change
    speedup_ratio: Estimate
    speedups: Change


def change_of(value: float, half: float) -> Estimate:
    """A change with an interval of this half-width."""
    return Estimate(value=value, low=value - half, high=value + half)


def side(interval: Estimate, neutral: float) -> Change:
    """Whether an interval excludes the value of no change."""
    if interval.value is None or not interval.bounded:
        return "not known"
    return "beyond noise" if interval.side(neutral) else "within noise"
