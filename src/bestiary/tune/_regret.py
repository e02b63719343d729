"""What further tuning would probably still gain: a quadratic near the optimum, with its noise.

Near an optimum the loss is quadratic in the logarithm of every hyperparameter (the premise of the
noisy quadratic law of best-of-k, arXiv 2510.02721). That law is one of random search; a descent
leaves rows instead, the winner with others that differ in one coordinate, and from a row the
vertex can be read directly: what lies between the winner and it is left on the table. Coordinates
are added up as if they did not interact, so a valley between two of them is not seen.

Shape suffix: K draws.
"""

import math
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from bestiary.laws import Array
from bestiary.specs import DRAWS, NOTHING, Configuration, Estimate, Feasible, missing
from bestiary.tune._axis import is_number
from bestiary.tune._between import scaled
from bestiary.tune._edges import Trials
from bestiary.tune._transfer import MeasuredNoise

# Draws of a row that are no bowl with its bottom inside are drawn again, so many times.
ROUNDS = 25


def left_on_table(
    winner: Configuration,
    trials: Trials,
    noise: MeasuredNoise,
    ranges: Mapping[str, Feasible],
) -> Estimate:
    """By how much the best of the rows around a winner lies below it, in nats per token.

    The interval is that of the posterior with a flat prior on the losses of every row, given that
    each is a bowl whose bottom lies within the row. Coordinates that are not bracketed are left out
    and named: what lies beyond their edge nobody knows.

    Args:
        winner: The configuration that tuning chose.
        trials: Everything tried in its cell.
        noise: The deviation of a loss.
        ranges: What each coordinate can be.
    """
    rows = {
        name: row
        for name, value in winner.items()
        if is_number(value) and len(row := _row(name, winner, trials, ranges)) > 1
    }
    bracketed = {name: points for name, row in rows.items() if (points := _around(row))}
    apart = [name for name in rows if name not in bracketed]
    note = f"without {', '.join(apart)}, which is not bracketed" if apart else ""
    if not bracketed:
        return missing(note) if note else NOTHING
    centres = {name: scaled(float(winner[name]), ranges.get(name)) for name in bracketed}
    if not noise.freedom:
        value = sum(_gap(row, centres[name]) for name, row in bracketed.items())
        return Estimate(value=value, low=None, high=None, note=note or "no noise was measured")
    total_K = _draws(bracketed, centres, noise)
    low, value, high = (float(one) for one in np.quantile(total_K, (0.025, 0.5, 0.975)))
    return Estimate(value=value, low=low, high=high, note=note)


def _row(
    name: str, winner: Configuration, trials: Trials, ranges: Mapping[str, Feasible]
) -> dict[float, float]:
    """Losses along one coordinate through the winner, by place on the scale of its law."""
    found = {
        scaled(float(one[name]), ranges.get(name)): loss
        for one, loss in trials
        if is_number(one.get(name, "")) and {**one, name: winner[name]} == winner
    }
    return {x: loss for x, loss in sorted(found.items()) if math.isfinite(loss + x)}


def _around(row: Mapping[float, float]) -> dict[float, float]:
    """The lowest of a row with its neighbours; nothing where it has but one."""
    places = list(row)
    lowest = min(range(len(places)), key=lambda index: row[places[index]])
    if not 0 < lowest < len(places) - 1:
        return {}
    return {x: row[x] for x in places[lowest - 1 : lowest + 2]}


def _gap(row: Mapping[float, float], centre: float) -> float:
    """From the parabola's value at the winner down to its bottom, without noise."""
    gap_K, _ = _bowl(np.array(list(row)), np.array(list(row.values()))[:, None], centre)
    return float(gap_K[0])


def _draws(
    rows: Mapping[str, Mapping[float, float]],
    centres: Mapping[str, float],
    noise: MeasuredNoise,
) -> Array:
    """The sum of the gaps in redrawn losses; a winner that is in several rows is one run."""
    generator = np.random.default_rng(0)
    deviation_K = noise.deviation * np.sqrt(
        noise.freedom / generator.chisquare(noise.freedom, DRAWS)
    )
    total_K = np.zeros(DRAWS)
    shared_K = generator.standard_normal(DRAWS)
    for name, row in rows.items():
        places, losses = np.array(list(row)), np.array(list(row.values()))
        pending_K = np.arange(DRAWS)
        for _ in range(ROUNDS):
            normal = generator.standard_normal((3, pending_K.size))
            normal[places == centres[name]] = shared_K[pending_K]
            drawn = losses[:, None] + deviation_K[pending_K] * normal
            gap_K, is_bowl_K = _bowl(places, drawn, centres[name])
            total_K[pending_K[is_bowl_K]] += gap_K[is_bowl_K]
            pending_K = pending_K[~is_bowl_K]
            if not pending_K.size:
                break
    return total_K


def _bowl(places: Array, losses_3K: Array, centre: float) -> tuple[Array, NDArray[np.bool_]]:
    """Of parabolas through three points: the gap from a place to the bottom, and which are bowls.

    A bowl opens upwards and has its bottom between the outer points.
    """
    left_K = (losses_3K[1] - losses_3K[0]) / (places[1] - places[0])
    right_K = (losses_3K[2] - losses_3K[1]) / (places[2] - places[1])
    bend_K = (right_K - left_K) / (places[2] - places[0])
    safe_K = np.where(bend_K > 0, bend_K, 1.0)
    bottom_K = (places[0] + places[1]) / 2 - left_K / (2 * safe_K)
    inside_K = (bend_K > 0) & (bottom_K >= places[0]) & (bottom_K <= places[2])
    return np.where(inside_K, safe_K * (centre - bottom_K) ** 2, 0.0), inside_K
