"""Which hyperparameters depend on scale, judged by the trials of several cells.

In a cell the near-optimal trials are those within a tolerance of its best. A hyperparameter is
insensitive if one single value of it is near-optimal in every cell. (The rule of arXiv 2509.02046,
where the tolerance is 6.4e-3 nats.)
"""

import math
from collections.abc import Mapping, Sequence

from bestiary.specs import Setting, Spec
from bestiary.tune._edges import Trials, varied


class Sensitivity(Spec, frozen=True, kw_only=True):
    """What the trials say about one hyperparameter.

    Attributes:
        name: The hyperparameter.
        sensitive: Whether no single value is near-optimal in every cell.
        value: The value whose worst cell is best; None where no value was tried in every cell.
        excess: By how much it is above the best of its worst cell, in nats per token; infinite
            where there is none.
        tolerance: What was near-optimal, in nats per token.
    """

    name: str
    sensitive: bool
    value: Setting | None
    excess: float
    tolerance: float


def sensitivity(regimes: Sequence[Trials], tolerance: float) -> tuple[Sensitivity, ...]:
    """The rule applied to every hyperparameter of which several values were tried.

    Args:
        regimes: The trials of each cell; cells in which nothing converged are left out.
        tolerance: How far above the best of its cell a loss is near-optimal, in nats per token.
    """
    sound = [one for one in regimes if any(math.isfinite(loss) for _, loss in one)]
    tried = varied([trial for trials in sound for trial in trials])
    return tuple(
        judged(
            name,
            {value: max(_excess(name, value, trials) for trials in sound) for value in values},
            tolerance,
        )
        for name, values in tried.items()
    )


def judged(name: str, worst: Mapping[Setting, float], tolerance: float) -> Sensitivity:
    """The verdict on a hyperparameter.

    Args:
        name: Which.
        worst: Of each value what it costs in its worst cell, in nats per token.
        tolerance: What it may cost.
    """
    best = min(worst, key=lambda value: worst[value])
    return Sensitivity(
        name=name,
        sensitive=not worst[best] <= tolerance,
        value=best if math.isfinite(worst[best]) else None,
        excess=worst[best],
        tolerance=tolerance,
    )


def _excess(name: str, value: Setting, trials: Trials) -> float:
    """How far above the best of a cell the best trial with this value is."""
    least = min(loss for _, loss in trials)
    with_value = [loss for one, loss in trials if name in one and one[name] == value]
    return min(with_value, default=math.inf) - least
