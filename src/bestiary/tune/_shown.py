"""Which hyperparameters the trials show to be insensitive: a test of equivalence, cell by cell.

Freezing one at a value costs, in a cell, what the best trial with that value lies above the best of
all. Both are minima over single noisy runs, so that a small difference alone shows nothing. But let
t be any trial with the value and w the truly best of those with another: then

    true(t) - true(w) <= loss(t) - loss(w) + reach <= loss(t) - least of the others + reach

with the chance that belongs to the reach, q sqrt(2) deviation. So the right side bounds the cost
from above, whichever of the others is truly best: that the least of many is too low by luck only
makes it larger. The trial t is chosen too, as the best of those with the value, and the value as
that whose worst cell is best: q is Student's at 5% divided by the number of values and of trials
with the value (Bonferroni). Over cells nothing is divided, as the bound must hold in every one. The
trials of a cell share their seed, and what noise they share cancels; the reach does not count on
that. Without noise what remains is the rule of `sensitivity`.
"""

import math
from collections.abc import Sequence

import msgspec

from bestiary.laws import student_quantile
from bestiary.specs import Setting
from bestiary.tune._edges import Trials, varied
from bestiary.tune._sensitivity import Sensitivity, judged

# The chance of freezing what costs more than the tolerance in some tuned cell.
RISK = 0.05


class NoisyTrials(msgspec.Struct, frozen=True):
    """The trials of a cell, with the noise of a single one.

    Attributes:
        trials: What was tried, each with its loss.
        deviation: Of a single run between seeds, in nats per token.
    """

    trials: Trials
    deviation: float


def shown(
    regimes: Sequence[NoisyTrials], freedom: int, tolerance: float
) -> tuple[Sensitivity, ...]:
    """Judge every hyperparameter of which several values were tried.

    Insensitive is only what is shown to be: one value costs, in every cell, less than the tolerance
    with 95% confidence. A cell in which nothing else was tried shows nothing.

    Args:
        regimes: The trials of each cell; cells in which nothing converged are left out.
        freedom: Degrees of freedom of the deviations; at least 1.
        tolerance: What freezing may cost, in nats per token.

    Returns:
        What was judged; `excess` is the bound in the worst cell of the best value.
    """
    sound = [one for one in regimes if any(math.isfinite(loss) for _, loss in one.trials)]
    tried = varied([trial for one in sound for trial in one.trials])
    return tuple(
        judged(name, _worst(name, values, sound, freedom), tolerance)
        for name, values in tried.items()
    )


def _worst(
    name: str, values: tuple[Setting, ...], regimes: Sequence[NoisyTrials], freedom: int
) -> dict[Setting, float]:
    """The bound on what each value costs, in its worst cell."""
    risk = RISK / len(values)
    return {
        value: max(_at_most(name, value, one, risk, freedom) for one in regimes) for value in values
    }


def _at_most(name: str, value: Setting, cell: NoisyTrials, risk: float, freedom: int) -> float:
    """What freezing at a value costs in a cell at most; infinite where nothing bounds it."""
    with_value = [loss for one, loss in cell.trials if name in one and one[name] == value]
    others = [loss for one, loss in cell.trials if name in one and one[name] != value]
    least = min(with_value, default=math.inf)
    if not (others and math.isfinite(least)):
        return math.inf
    quantile = student_quantile(1 - risk / len(with_value), freedom)
    return max(0.0, least - min(others) + quantile * math.sqrt(2.0) * cell.deviation)
