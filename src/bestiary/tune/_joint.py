"""Coordinate descent that also looks along the diagonals of coupled coordinates."""

import itertools
from collections.abc import Sequence

import msgspec

from bestiary.specs import Candidate, Configuration
from bestiary.tune._descent import CanRun, Search, coordinate_descent
from bestiary.tune._stars import neighbours


def joint_descent(
    candidate: Candidate,
    *,
    minimum_gain: float,
    feasible: CanRun,
    pairs: Sequence[tuple[str, str]],
) -> Search:
    """Descend, then move pairs of coordinates together; where that gains, descend from there.

    Along a valley between two coordinates, such as the learning rate and the batch size, every
    change of one of them alone goes uphill. Each round gains more than `minimum_gain`, so it ends.

    Args:
        candidate: Where to start and what to try.
        minimum_gain: What a move must gain, in nats per token.
        feasible: Whether a configuration can run at all; the others are never asked for.
        pairs: The coordinates to move together; pairs that are not both tuned are left out.
    """
    coupled = [pair for pair in pairs if set(pair) <= set(candidate.grid)]
    while True:
        found = yield from coordinate_descent(
            candidate, minimum_gain=minimum_gain, feasible=feasible
        )
        asked = [
            one for pair in coupled for one in _diagonals(candidate, found.configuration, pair)
        ]
        asked = [one for one in asked if feasible(one)]
        if not asked:
            return found
        losses = yield asked
        # A nan is below nothing.
        gains = [found.loss - loss for loss in losses]
        best = max(range(len(asked)), key=lambda index: _or_least(gains[index]))
        if not gains[best] > minimum_gain:
            return found
        candidate = msgspec.structs.replace(candidate, start=asked[best])


def _diagonals(
    candidate: Candidate, centre: Configuration, pair: tuple[str, str]
) -> list[Configuration]:
    """The configurations in which both of a pair are one step away."""
    steps = [neighbours(candidate, name, centre[name]) for name in pair]
    return [
        {**centre, **dict(zip(pair, values, strict=True))} for values in itertools.product(*steps)
    ]


def _or_least(gain: float) -> float:
    return gain if gain == gain else -float("inf")
