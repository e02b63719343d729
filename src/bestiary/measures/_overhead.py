"""What an optimizer's step costs over the baseline's: measured in the results, or published.

Published steps were timed at 124M parameters and 0.5M tokens a batch. The optimizer's share falls
as a batch grows, so they are upper ends; the lower end is what its FLOPs alone would take.
"""

from typing import NamedTuple

import numpy as np

from bestiary.evidence import Observation
from bestiary.measures._measures import Measures
from bestiary.specs import Estimate, missing

# How the note begins where the results timed it themselves.
MEASURED = "measured in these results"
# And where nobody timed it.
ASSUMED = "assumed"
PLACE = "124M parameters on 8 H100, batch of 0.5M tokens"


class PublishedStep(NamedTuple):
    """A step time over AdamW's: counted in FLOPs, as timed, and the worst that was timed."""

    low: float
    value: float
    high: float
    source: str


_ELEMENTWISE = PublishedStep(1.0, 1.0, 1.03, f"{ASSUMED}: element-wise, as AdamW is")
_MUON = PublishedStep(
    1.003, 1.025, 1.06, f"modded-nanogpt logs, {PLACE}; 1.06 is dion's, 1.06B on 8 B200"
)
PUBLISHED = {
    "nadamw": _ELEMENTWISE,
    "lion": _ELEMENTWISE,
    "cautious": _ELEMENTWISE,
    "mars": _ELEMENTWISE,
    "adam_mini": _ELEMENTWISE,
    "muon": _MUON,
    "scion": PublishedStep(
        *_MUON[:3], f"as Muon, whose orthogonalisation it shares: {_MUON.source}"
    ),
    "kron": PublishedStep(1.005, 1.22, 1.22, f"modded-nanogpt track 3 (PSGD Kron), {PLACE}"),
    "shampoo": PublishedStep(
        1.005, 1.29, 1.48, f"modded-nanogpt logs, refreshed every 10, {PLACE}"
    ),
    "soap": PublishedStep(1.005, 2.17, 2.17, f"modded-nanogpt logs, refreshed every 10, {PLACE}"),
}


def overhead(measures: Measures, optimizer: str) -> Estimate:
    """Seconds per token over the baseline's; the note says where that comes from.

    Args:
        measures: Their own step times come first.
        optimizer: One of theirs.
    """
    own = measures.evidence.of(optimizer).values()
    timed = [one for one in own if measures.of(one).step_time_ratio.value is not None]
    if timed:
        return _measured(measures, timed)
    if optimizer in PUBLISHED and measures.evidence.baseline == "adamw":
        low, value, high, source = PUBLISHED[optimizer]
        return Estimate(value=value, low=low, high=high, note=source)
    return missing("neither measured in these results nor published")


def _measured(measures: Measures, timed: list[Observation]) -> Estimate:
    """The largest size speaks for still larger ones: its mean over ratios, and their range."""
    largest = max(one.parameters for one in timed)
    ratios = [measures.of(one).step_time_ratio for one in timed if one.parameters == largest]
    ends = [end for one in ratios for end in (one.low, one.high) if end is not None]
    values = [one.value for one in ratios if one.value is not None]
    place = next(one.size for one in timed if one.parameters == largest)
    return Estimate(
        value=float(np.exp(np.mean(np.log(values)))),
        low=min(ends) if ends else None,
        high=max(ends) if ends else None,
        note=f"{MEASURED} at {place}",
    )


def time_speedup(tokens: Estimate, step: Estimate) -> Estimate:
    """Token speedup over step time; its ends pair the worst of one with the worst of the other."""
    if tokens.value is None or step.value is None:
        return missing(tokens.note if tokens.value is None else step.note)
    low = None if tokens.low is None or step.high is None else tokens.low / step.high
    high = None if tokens.high is None or step.low is None else tokens.high / step.low
    return Estimate(
        value=tokens.value / step.value, low=low, high=high, extrapolated=tokens.extrapolated
    )
