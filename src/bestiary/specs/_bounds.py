"""What the numbers of runs, studies and commands can be: the one place that says it.

The ranges are generous, and whatever lies inside them compiles and runs, or is refused for its
memory, its disk or its time before anything is made. What an optimizer's own numbers mean is in its
types; `beyond_single` holds for all of them.
"""

import math
from typing import Annotated

from msgspec import Meta

# Indices on devices are of 32 bits, so nothing beyond is counted there.
MOST_COUNT = 2**31 - 1
Count = Annotated[int, Meta(ge=1, le=MOST_COUNT)]
CountOrNone = Annotated[int, Meta(ge=0, le=MOST_COUNT)]
# Seeds, and steps between evaluations: what a signed integer of 64 bits holds.
Natural = Annotated[int, Meta(ge=0, le=2**63 - 1)]
Fraction = Annotated[float, Meta(ge=0, le=1)]
# A data-to-model ratio: the most that was ever published is below a thousand.
Positive = Annotated[float, Meta(gt=0, le=1e6)]
# A weight of a mixture, in any unit: shares, or tokens.
Weight = Annotated[float, Meta(ge=1e-15, le=1e15)]
# Differences of losses: no model begins a hundred nats above its data.
Nats = Annotated[float, Meta(ge=0, le=100)]
# The base of rotary frequencies: long contexts use ten million.
RopeTheta = Annotated[float, Meta(ge=1, le=1e12)]
# Added to a mean square in single precision, which must not vanish beside 0.
NormEpsilon = Annotated[float, Meta(ge=1e-20, le=1)]

# Of commands. A year of seconds, and of minutes.
Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
Minutes = Annotated[int, Meta(ge=2, le=525_600)]
Grace = Annotated[int, Meta(ge=10, le=86_400)]
# Processes and cores: more than any one machine has. Of accelerators, fractions can be shared.
Processes = Annotated[int, Meta(ge=0, le=4096)]
Cores = Annotated[int, Meta(ge=1, le=4096)]
Shares = Annotated[float, Meta(ge=0, le=4096)]
# Members of a population; 0 lets a measurement choose.
Members = Annotated[int, Meta(ge=0, le=1024)]
# The caps of a study: runs, device-hours and money; 0 is no limit.
Runs = Annotated[int, Meta(ge=0, le=10**9)]
Limit = Annotated[float, Meta(ge=0, le=1e15)]
Price = Annotated[float, Meta(ge=0, le=1e9)]
# Devices of a plan, and the share of their peak that training reaches.
Devices = Annotated[int, Meta(ge=1, le=10**6)]
Utilisation = Annotated[float, Meta(ge=1e-6, le=1)]

# What a float32 holds to all of its digits.
LEAST, MOST = 2.0**-126, 3.4e38


def beyond_single(value: float | int) -> str:
    """Why single precision, or an index of 32 bits, cannot hold a number; empty where it can.

    Args:
        value: Finite, of a real hyperparameter, or of a whole one where it is an integer.
    """
    if isinstance(value, int):
        return "" if abs(value) <= MOST_COUNT else f"must be a whole number up to {MOST_COUNT}"
    size = abs(value)
    if math.isfinite(value) and (size == 0 or LEAST <= size <= MOST):
        return ""
    return "must be 0, or between 1.2e-38 and 3.4e38 in size, as a float32 is"
