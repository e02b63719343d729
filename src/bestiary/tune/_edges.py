"""What was tried of each coordinate, and on which of them the best value lies at an edge.

The one definition, for a study's own trials and for other people's runs alike.
"""

from collections.abc import Mapping, Sequence

from bestiary.specs import Configuration, Feasible, Setting
from bestiary.tune._axis import is_number

# Configurations tried, each with its loss: infinity where the run diverged or failed.
Trials = Sequence[tuple[Configuration, float]]


def edges(
    winner: Configuration,
    loss: float,
    trials: Trials,
    *,
    noticeable: float,
    ranges: Mapping[str, Feasible] | None = None,
) -> tuple[str, ...]:
    """The coordinates on which a winner lies at the edge of what was tried.

    That is where its value is the least or the greatest number tried, and the loss still falls
    towards it: the nearest trial that differs from the winner in this coordinate alone diverged or
    is clearly worse, or there is no such trial. A value that nothing lies beyond is no edge: 0, and
    an end of the range that is itself allowed.

    Args:
        winner: The configuration chosen.
        loss: Its loss, in nats per token.
        trials: Everything tried in its cell, in the order of trying.
        noticeable: By how much a loss must be higher to be worse, in nats per token:
            `Tuning.minimum_gain` of a study, three standard deviations of noise elsewhere.
        ranges: What each coordinate can be, where that is known.
    """
    known = ranges or {}
    return tuple(
        name
        for name, values in varied(trials).items()
        if name in winner
        and _is_outermost(winner[name], values)
        and not known.get(name, Feasible()).ends_at(float(winner[name]))
        and _still_falls(name, winner, loss, trials, noticeable)
    )


def varied(trials: Trials) -> dict[str, tuple[Setting, ...]]:
    """The values tried of every coordinate of which several were, in the order of trying."""
    names = dict.fromkeys(name for one, _ in trials for name in one)
    tried = {name: dict.fromkeys(one[name] for one, _ in trials if name in one) for name in names}
    return {name: tuple(values) for name, values in tried.items() if len(values) > 1}


def _is_outermost(value: Setting, tried: tuple[Setting, ...]) -> bool:
    """Whether a number is the least or the greatest of those tried; 0 is an end in itself."""
    if not is_number(value) or value == 0:
        return False
    numbers = [float(one) for one in tried if is_number(one)]
    return bool(numbers) and float(value) in (min(numbers), max(numbers))


def _still_falls(
    name: str, winner: Configuration, loss: float, trials: Trials, noticeable: float
) -> bool:
    """Whether the nearest other value of one coordinate is clearly worse, or diverged."""
    chosen = float(winner[name])
    around = [
        (abs(float(one[name]) - chosen), its_loss)
        for one, its_loss in trials
        if one.get(name) != winner[name]
        and is_number(one.get(name, ""))
        and {**one, name: chosen} == {**winner, name: chosen}
    ]
    if not around:
        return True
    _, nearest = min(around, key=lambda pair: pair[0])
    return nearest - loss > noticeable
