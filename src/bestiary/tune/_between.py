"""Where an optimum lies between the values of its grid, for laws that are fitted to optima."""

import math

from bestiary.specs import Configuration, Feasible
from bestiary.tune._axis import is_number
from bestiary.tune._edges import Trials


def between(
    name: str, winner: Configuration, loss: float, trials: Trials, feasible: Feasible
) -> float:
    """The vertex of the parabola through a winner and its neighbours in one coordinate, in logs.

    A grid of factors of two hides a change of the optimum by less than that. What is trained is
    still the winner.

    Args:
        name: The coordinate; the winner's value of it is a number.
        winner: The best configuration.
        loss: Its loss, in nats per token.
        trials: Everything tried in its cell.
        feasible: What the coordinate can be, and whether its scale is that of 1 - h.

    Returns:
        A value between the neighbours; the winner's own where one is missing or diverged, the
        scale has no place for one, or the three losses are not convex.
    """
    value = float(winner[name])
    around = {
        scaled(float(one[name]), feasible): its_loss
        for one, its_loss in trials
        if is_number(one.get(name, ""))
        and {**one, name: winner[name]} == winner
        and math.isfinite(its_loss)
    }
    centre = scaled(value, feasible)
    below = max((x for x in around if x < centre), default=-math.inf)
    above = min((x for x in around if x > centre), default=math.inf)
    if not all(map(math.isfinite, (below, centre, above))):
        return value
    left, right = (
        (around[below] - loss) / (below - centre),
        (around[above] - loss) / (above - centre),
    )
    bend = (right - left) / (above - below)
    if not bend > 0:
        return value
    slope = left - bend * (below - centre)
    found = math.exp(min(max(centre - slope / (2 * bend), below), above))
    return 1.0 - found if feasible.from_one else found


def scaled(value: float, feasible: Feasible | None) -> float:
    """A value on the scale of laws; minus infinity where that has no place for it."""
    left = 1.0 - value if feasible and feasible.from_one else value
    return math.log(left) if left > 0 else -math.inf
