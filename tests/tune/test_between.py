"""The optimum between grid values: exact on a parabola, the winner's own where there is none."""

import math

import pytest

from bestiary.specs import Configuration, Feasible
from bestiary.tune._between import between


def parabola(best: float, values: tuple[float, ...]) -> list[tuple[Configuration, float]]:
    return [({"rate": one, "beta": 0.9}, math.log(one / best) ** 2) for one in values]


@pytest.mark.parametrize("best", [0.009, 0.01, 0.011, 0.0135])
def test_it_is_the_vertex_of_a_parabola(best: float) -> None:
    trials = parabola(best, (0.0025, 0.005, 0.01, 0.02, 0.04))
    winner, loss = min(trials, key=lambda pair: pair[1])
    assert between("rate", winner, loss, trials, Feasible()) == pytest.approx(best)


def test_a_rate_near_one_is_read_on_the_scale_of_its_distance() -> None:
    trials = [({"beta": 1 - d}, math.log(d / 0.06) ** 2) for d in (0.025, 0.05, 0.1)]
    found = between("beta", {"beta": 0.95}, trials[1][1], trials, Feasible(from_one=True))
    assert found == pytest.approx(0.94)


@pytest.mark.parametrize(
    "trials",
    [
        parabola(0.01, (0.01, 0.02)),
        [*parabola(0.01, (0.005, 0.01)), ({"rate": 0.02, "beta": 0.9}, math.inf)],
        [*parabola(0.01, (0.005, 0.01)), ({"rate": 0.02, "beta": 0.8}, 1.0)],
        [*parabola(0.01, (0.01, 0.02)), ({"rate": 0.0, "beta": 0.9}, 1.0)],
        [({"rate": one, "beta": 0.9}, 0.0) for one in (0.005, 0.01, 0.02)],
    ],
)
def test_without_a_neighbour_on_either_side_it_is_the_winner(
    trials: list[tuple[Configuration, float]],
) -> None:
    winner = {"rate": 0.01, "beta": 0.9}
    assert between("rate", winner, 0.0, trials, Feasible()) == 0.01
