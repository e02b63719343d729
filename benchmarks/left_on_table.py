"""How often the interval of what tuning left on the table holds the truth, on made-up studies.

A study is one coordinate descent on a quadratic in logs whose optimum is known; what the winner
truly lies above it is compared with what the ledger says.
"""

import math
import random
from typing import Any

from bestiary.specs import Candidate, Configuration, Estimate
from bestiary.tune import coordinate_descent
from bestiary.tune._regret import left_on_table
from bestiary.tune._transfer import MeasuredNoise

STUDIES = 1_000
GAIN = 3e-3


def run() -> list[dict[str, Any]]:
    """One row for every number of coordinates and of degrees of freedom of the noise."""
    return [_row(count, freedom) for count in (1, 2, 3) for freedom in (6, 30)]


def _row(coordinates: int, freedom: int) -> dict[str, Any]:
    draw = random.Random(f"{coordinates} {freedom}")
    found = [made_up(draw, coordinates, freedom) for _ in range(STUDIES)]
    told = [(truth, one.low, one.high) for truth, one in found if one.low is not None]
    widths = sorted(high - low for _, low, high in told if high is not None)
    return {
        "benchmark": "left_on_table",
        "coordinates": coordinates,
        "freedom": freedom,
        "studies": len(told),
        "coverage %": 100 * sum(low <= truth <= high for truth, low, high in told) / len(told),
        "below %": 100 * sum(truth < low for truth, low, _ in told) / len(told),
        "above %": 100 * sum(truth > high for truth, _, high in told) / len(told),
        "width, nats": widths[len(widths) // 2],
    }


def made_up(draw: random.Random, coordinates: int, freedom: int) -> tuple[float, Estimate]:
    """The truth and the estimate of one descent."""
    names = "abc"[:coordinates]
    best = {name: 2 ** draw.uniform(-3, 3) for name in names}
    curve = {name: math.exp(draw.uniform(math.log(0.004), math.log(0.2))) for name in names}
    noise = math.exp(draw.uniform(math.log(3e-4), math.log(2e-3)))

    def truth(values: Configuration) -> float:
        return sum(curve[name] * math.log2(float(values[name]) / best[name]) ** 2 for name in names)

    trials: list[tuple[Configuration, float]] = []

    def loss(values: Configuration) -> float:
        for one, known in trials:
            if one == values:
                return known
        trials.append((dict(values), truth(values) + draw.gauss(0, noise)))
        return trials[-1][1]

    who = Candidate(
        name="made up",
        label="made up",
        family="scalar",
        start=dict.fromkeys(names, 1.0),
        grid=dict.fromkeys(names, (0.5, 1.0, 2.0)),
        extend=tuple(names),
    )
    search = coordinate_descent(who, minimum_gain=GAIN, feasible=lambda _: True)
    batch = next(search)
    while True:
        try:
            batch = search.send([loss(values) for values in batch])
        except StopIteration as ended:
            winner = ended.value.configuration
            break
    squares = sum(draw.gauss(0, 1) ** 2 for _ in range(freedom))
    measured = MeasuredNoise(deviation=noise * math.sqrt(squares / freedom), freedom=freedom)
    return truth(winner), left_on_table(winner, trials, measured, {})
