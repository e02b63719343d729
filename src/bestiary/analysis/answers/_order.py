"""Where the order of two optimizers changes with size, from findings whose runs are not at hand.

Own studies have `bestiary.analysis.crossover`, which reads every run. Of published or imported
results there are losses only: their joint law says how each optimizer's data efficiency changes
with N, log R_o = r_o + g_o log(N / N0), and two of them are equal where these lines cross.

Shape suffix: K draws.
"""

import math

import numpy as np

from bestiary.analysis._crossing import Crossing, Plane, crossing
from bestiary.analysis._record import Estimate
from bestiary.analysis.answers._findings import Finding, Findings
from bestiary.analysis.answers._joint import joint_fit
from bestiary.errors import UserError, unknown
from bestiary.specs import Spec


class LossGap(Spec, frozen=True, kw_only=True):
    """The second optimizer's loss less the first's at a cell, in nats; positive: the first leads.

    Attributes:
        beyond_noise: Whether its interval excludes 0.
    """

    size: str
    ratio: float
    gap: Estimate
    beyond_noise: bool


class Order(Spec, frozen=True, kw_only=True):
    """The order of two optimizers over sizes.

    Attributes:
        gaps: What was measured, cell by cell.
        crossing: Where the joint law changes their order.
        limits: What could not be said.
    """

    source: str
    first: str
    second: str
    gaps: tuple[LossGap, ...]
    crossing: Crossing
    limits: tuple[str, ...]


LIMITS = (
    "The law takes an advantage in data as linear in log N and the same at every ratio.",
    "Batch sizes and the course of training are not in these results.",
)


def order(findings: Findings, first: str, second: str) -> Order:
    """Where the order of two optimizers changes with size.

    Raises:
        UserError: an optimizer without results, the same one twice, or too few sizes for a law.
    """
    for name in (first, second):
        if name not in findings.optimizers:
            raise unknown("optimizer", name, findings.optimizers)
    if first == second:
        raise UserError(f"a crossover needs two different optimizers, got {first!r} twice")
    one, other = findings.of(first), findings.of(second)
    shared = [(one[cell], other[cell]) for cell in one if cell in other]
    if not shared:
        raise UserError(f"{first!r} and {second!r} share no cell; run both at one size and ratio")
    sizes = [pair[0].parameters for pair in shared]
    return Order(
        source=f"{findings.name} ({findings.kind})",
        first=first,
        second=second,
        gaps=tuple(_gap(findings, *pair) for pair in shared),
        crossing=_crossing(findings, (first, second), (min(sizes), max(sizes))),
        limits=LIMITS,
    )


def _gap(findings: Findings, one: Finding, other: Finding) -> LossGap:
    spread = 1.96 * findings.noise.own * math.sqrt(1 / one.runs + 1 / other.runs)
    value = other.loss - one.loss
    return LossGap(
        size=one.size,
        ratio=one.ratio,
        gap=Estimate(value=value, low=value - spread, high=value + spread),
        beyond_noise=abs(value) > spread,
    )


def _crossing(findings: Findings, names: tuple[str, str], bounds: tuple[float, float]) -> Crossing:
    """The lines of both through N = 1 and their slopes, as the law and its draws have them."""
    fit = joint_fit(findings)
    assert fit.laws is not None
    points = np.array([1.0, math.e])

    def line(values: np.ndarray) -> np.ndarray:
        """Height at N = 1 and slope, first axis, of one law or K."""
        height, end = np.moveaxis(values, -1, 0)
        return np.stack([height, end - height])

    law, laws = (
        line(one.log_speedup(names[0], points, points) - one.log_speedup(names[1], points, points))
        for one in (fit.law, fit.laws)
    )
    return crossing("size", {}, bounds, names, Plane({"size": 1}, law, laws))
