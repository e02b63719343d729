"""What is measured of one optimizer at one cell, whoever ran it."""

from typing import Literal

from bestiary.specs import Estimate, Spec

Verdict = Literal["baseline", "faster", "slower", "not distinguishable", "undetermined"]
BY_DEFINITION = "1 by definition"


class CellMeasures(Spec, frozen=True, kw_only=True):
    """One optimizer at one size and ratio, against the baseline there.

    Attributes:
        loss: Mean over seeds; its interval is that of the mean.
        difference: Loss minus the baseline's, shared luck of a seed taken out.
        speedup: Tokens the baseline needs for this loss, over the tokens used here.
        time_speedup: Speedup over `step_time_ratio`: the same on the clock of one machine.
        step_time_ratio: Seconds per training token over the baseline's.
        verdict: Whether the interval of the speedup excludes 1; where it has no bounds, whether
            that of `difference` excludes 0; `undetermined` where neither is known, and in place of
            `faster` where a seed diverged.
    """

    loss: Estimate
    difference: Estimate
    speedup: Estimate
    time_speedup: Estimate
    step_time_ratio: Estimate
    verdict: Verdict
