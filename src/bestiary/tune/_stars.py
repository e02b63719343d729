"""The searches by stars: a configuration with everything that differs from it in one coordinate.

`stars` is phase I of arXiv 2509.02046 as its released code does it; `walk` is the small star that
confirms a predicted configuration, with neighbours one step of a grid away on either side.
"""

import math
from collections.abc import Callable, Iterable, Mapping

from bestiary.specs import Candidate, Configuration, Feasible, Setting
from bestiary.tune._axis import is_number
from bestiary.tune._descent import CanRun, Optimum, Search
from bestiary.tune._edges import Trials

# The released code moves to another near-optimal configuration only where that saves this much.
SAVED_RUNS = 10
# Log of the least ratio of values that are told apart.
APART = 0.05
# How many digits of a value that no grid states are kept, so that a run can be named by it.
DIGITS = 3


class ToldLosses:
    """Every configuration whose loss a search was told; a `nan` is not known."""

    def __init__(self) -> None:
        """Nothing yet."""
        self._found: dict[tuple[object, ...], tuple[Configuration, float]] = {}

    def __contains__(self, configuration: Configuration) -> bool:
        return _key(configuration) in self._found

    def note(self, batch: Iterable[Configuration], losses: Iterable[float]) -> bool:
        """Take note of losses; False where one will never be known."""
        told = list(zip(batch, losses, strict=True))
        for configuration, loss in told:
            if not math.isnan(loss):
                self._found[_key(configuration)] = (configuration, loss)
        return not any(math.isnan(loss) for _, loss in told)

    def loss(self, configuration: Configuration) -> float:
        """The loss of a configuration, infinite where it is not known."""
        return self._found.get(_key(configuration), ({}, math.inf))[1]

    def within(self, acceptance: float) -> list[Configuration]:
        """Those that are not worse than the best by more than this, best first."""
        order = sorted(self._found.values(), key=lambda pair: pair[1])
        if not order or not math.isfinite(order[0][1]):
            return [one for one, _ in order[:1]]
        return [one for one, loss in order if loss - order[0][1] <= acceptance]


def stars(candidate: Candidate, *, acceptance: float, feasible: CanRun) -> Search:
    """Complete the star of the best configuration, until one within `acceptance` has its star.

    The best is the lowest of all losses so far. A configuration within `acceptance` of it takes its
    place where that saves `SAVED_RUNS` runs, and ends the search where its star is complete.

    Args:
        candidate: Where to start and what to try, coordinate by coordinate.
        acceptance: What counts as equal, in nats per token.
        feasible: Whether a configuration can run at all; the others are never asked for.
    """

    def star(centre: Configuration) -> list[Configuration]:
        return [centre, *_changes(centre, candidate.grid.items(), feasible)]

    return _complete(dict(candidate.start), star, acceptance, SAVED_RUNS)


def walk(candidate: Candidate, *, minimum_gain: float, feasible: CanRun) -> Search:
    """Complete the small star of a configuration, and of a better one as long as there is one.

    Args:
        candidate: The configuration, as its start, and the coordinates to vary, as its grid.
        minimum_gain: By how much another must be better, in nats per token.
        feasible: Whether a configuration can run at all; the others are never asked for.
    """

    def star(centre: Configuration) -> list[Configuration]:
        near = [(name, neighbours(candidate, name, centre[name])) for name in candidate.grid]
        return [centre, *_changes(centre, near, feasible)]

    return _complete(dict(candidate.start), star, minimum_gain, 1)


def neighbours(candidate: Candidate, name: str, value: Setting) -> list[Setting]:
    """What lies one step below and above a value of a coordinate.

    Of a grid that grows that is half and twice as much, or for a rate that laws take from 1, its
    distance from 1; else the next values of the grid that are clearly others. Of a name or a switch
    it is every other value.
    """
    grid = candidate.grid[name]
    feasible = candidate.ranges.get(name, Feasible())
    if not (is_number(value) and all(is_number(one) for one in grid)):
        return [one for one in grid if one != value]
    number = float(value)
    left = 1.0 - number if feasible.from_one else number
    if name in candidate.extend and left > 0:
        steps = [1.0 - left * 2, 1.0 - left / 2] if feasible.from_one else [left / 2, left * 2]
        tried = [as_setting(feasible.nearest(rounded(one)), value) for one in steps if one > 0]
        return list(dict.fromkeys(one for one in tried if one != value))
    others = [float(one) for one in grid if _is_clearly_other(float(one), number, feasible)]
    below = max((one for one in others if one < number), default=None)
    above = min((one for one in others if one > number), default=None)
    return [as_setting(one, value) for one in (below, above) if one is not None]


def _is_clearly_other(one: float, value: float, feasible: Feasible) -> bool:
    """Whether two values are different enough to be worth a run each."""
    pair = (1.0 - one, 1.0 - value) if feasible.from_one else (one, value)
    if min(pair) <= 0:
        return one != value
    return abs(math.log(pair[0] / pair[1])) >= APART


def rounded(value: float) -> float:
    """A value that no grid states, to the digits that are kept of it; of a rate near 1 from 1."""
    if 0.9 < value < 1:
        return float(f"{1.0 - float(f'{1.0 - value:.{DIGITS}g}'):.12g}")
    return float(f"{value:.{DIGITS}g}")


def as_setting(value: float, like: Setting) -> Setting:
    """A number with the type that its coordinate has."""
    return round(value) if isinstance(like, int) else value


def _complete(
    start: Configuration,
    star: Callable[[Configuration], list[Configuration]],
    acceptance: float,
    saved_runs: int,
) -> Search:
    known = ToldLosses()
    centre = start
    while True:
        asked = [one for one in star(centre) if one not in known]
        losses = yield asked
        complete = known.note(asked, losses)
        near = known.within(acceptance) or [centre]
        missing = [sum(other not in known for other in star(one)) for one in near]
        fewest = missing.index(min(missing))
        if not complete or missing[fewest] == 0:
            ended = near[fewest] if missing[fewest] == 0 else near[0]
            return Optimum(configuration=ended, loss=known.loss(ended))
        centre = near[fewest] if missing[0] - missing[fewest] >= saved_runs else near[0]


def least_missing(
    trials: Trials, grid: Mapping[str, tuple[Setting, ...]], *, acceptance: float
) -> tuple[Configuration, int]:
    """Where `stars` would end on trials of other people: of the near-optimal what lacks least.

    Args:
        trials: Every configuration tried in a cell, with its loss.
        grid: What was tried, coordinate by coordinate.
        acceptance: What counts as equal, in nats per token.

    Returns:
        Of the configurations within `acceptance` of the best, the one of whose star fewest are
        missing, the best among equals; and how many those are. 0 ends the search.
    """
    known = ToldLosses()
    known.note([one for one, _ in trials], [loss for _, loss in trials])
    missing = [
        (sum(other not in known for other in _changes(one, grid.items(), _always)), place, one)
        for place, one in enumerate(known.within(acceptance))
    ]
    count, _, fewest = min(missing, key=lambda item: item[:2])
    return fewest, count


def _always(configuration: Configuration) -> bool:
    """Every configuration of other people's could run."""
    del configuration
    return True


def _changes(
    centre: Configuration,
    values: Iterable[tuple[str, Iterable[Setting]]],
    feasible: CanRun,
) -> list[Configuration]:
    """Everything that can run and differs from a configuration in one coordinate."""
    real = {name for name, value in centre.items() if isinstance(value, float)}
    changed = [
        {**centre, name: float(value) if name in real and is_number(value) else value}
        for name, tried in values
        for value in tried
    ]
    return [one for one in changed if one != centre and feasible(one)]


def _key(configuration: Configuration) -> tuple[object, ...]:
    # With the types, because 1 == 1.0 == True is three runs.
    return (*configuration.items(), *map(type, configuration.values()))
