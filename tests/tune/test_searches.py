"""The searches of the protocols on hundreds of analytic surfaces, without runs between."""

import math
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.specs import Candidate, Configuration, Feasible
from bestiary.tune import Optimum, least_missing
from bestiary.tune._descent import CanRun, Search
from bestiary.tune._joint import joint_descent
from bestiary.tune._stars import neighbours, stars, walk

GAIN = 3e-3
RATE = "learning_rate"


def entered(rate: float = 0.01) -> Candidate:
    return Candidate(
        name="adamw",
        label="AdamW",
        family="scalar",
        start={RATE: rate, "batch_size": 64, "beta1": 0.9, "nesterov": False},
        grid={
            RATE: (0.005, 0.01, 0.02),
            "batch_size": (32, 64, 128),
            "beta1": (0.8, 0.9, 0.95),
            "nesterov": (False, True),
        },
        ranges={"beta1": Feasible(high=1.0, from_one=True, high_open=True)},
    )


def joint(who: Candidate, feasible: CanRun) -> Search:
    return joint_descent(
        who, minimum_gain=GAIN, feasible=feasible, pairs=((RATE, "batch_size"), (RATE, "absent"))
    )


SEARCHES: dict[str, Callable[[Candidate, CanRun], Search]] = {
    "joint": joint,
    "stars": lambda who, feasible: stars(who, acceptance=GAIN, feasible=feasible),
    "walk": lambda who, feasible: walk(who, minimum_gain=GAIN, feasible=feasible),
}


def surface(
    rate: float, batch: float, coupling: float, curve: float
) -> Callable[[Configuration], float]:
    def loss(values: Configuration) -> float:
        x = math.log2(float(values[RATE]) / rate)
        y = math.log2(float(values["batch_size"]) / batch)
        z = math.log2((1 - float(values["beta1"])) / 0.1)
        return curve * (x * x + y * y + 2 * coupling * x * y + z * z) + 0.01 * values["nesterov"]

    return loss


def searched(
    search: Search, loss: Callable[[Configuration], float], budget: int = 10_000
) -> tuple[Optimum, list[Configuration]]:
    tried: list[Configuration] = []

    def told(one: Configuration) -> float:
        if one not in tried and len(tried) == budget:
            return math.nan
        tried.extend([one] * (one not in tried))
        return loss(one)

    batch = next(search)
    while True:
        try:
            batch = search.send([told(one) for one in batch])
        except StopIteration as ended:
            return ended.value, tried


ANY = {
    "rate": st.floats(0.002, 0.05),
    "batch": st.sampled_from([32.0, 64.0, 128.0]),
    "coupling": st.floats(-0.7, 0.7),
    "curve": st.floats(0.005, 0.3),
}


@settings(max_examples=150, deadline=None)
@given(**ANY, name=st.sampled_from([*SEARCHES]))
def test_no_neighbour_that_was_tried_is_better_by_more_than_a_gain(
    rate: float, batch: float, coupling: float, curve: float, name: str
) -> None:
    loss = surface(rate, batch, coupling, curve)
    found, tried = searched(SEARCHES[name](entered(), lambda _: True), loss)
    assert found.loss == loss(found.configuration)
    assert found.loss <= min(map(loss, tried)) + GAIN
    assert found.configuration["nesterov"] is False
    assert len(tried) < 120
    if name != "stars":  # whose grid is as it is; the others bracket the rate
        x = abs(math.log2(float(found.configuration[RATE]) / rate))
        away = abs(math.log2(float(found.configuration["batch_size"]) / batch))
        assert x <= 0.5 + abs(coupling) * away + math.sqrt(GAIN / curve)


@settings(max_examples=60, deadline=None)
@given(**ANY, name=st.sampled_from([*SEARCHES]), budget=st.integers(1, 12))
def test_a_budget_ends_a_search_with_the_best_it_knows(
    rate: float, batch: float, coupling: float, curve: float, name: str, budget: int
) -> None:
    loss = surface(rate, batch, coupling, curve)
    found, tried = searched(SEARCHES[name](entered(), lambda _: True), loss, budget)
    assert len(tried) <= budget
    assert found.loss <= loss(tried[0])


@pytest.mark.parametrize("name", SEARCHES)
def test_what_cannot_run_is_never_asked_for(name: str) -> None:
    def feasible(one: Configuration) -> bool:
        return int(one["batch_size"]) <= 64

    _, tried = searched(SEARCHES[name](entered(), feasible), surface(0.01, 128.0, 0.0, 0.1))
    assert {one["batch_size"] for one in tried} == {32, 64}


@pytest.mark.parametrize("name", SEARCHES)
def test_where_all_diverges_a_search_ends(name: str) -> None:
    found, tried = searched(SEARCHES[name](entered(), lambda _: True), lambda _: math.inf, 40)
    assert found.loss == math.inf
    assert tried[0] == entered().start


def test_neighbours_step_by_the_scale_of_their_coordinate() -> None:
    who = entered()
    assert neighbours(who, RATE, 0.03) == [0.015, 0.06]
    assert neighbours(who, "batch_size", 64) == [32, 128]
    assert neighbours(who, "batch_size", 128) == [64]
    assert neighbours(who, "beta1", 0.9) == [0.8, 0.95]
    assert neighbours(who, "nesterov", True) == [False]


def test_of_equals_the_configuration_with_the_fuller_star_is_where_a_search_ends() -> None:
    grid = {"x": (1.0, 2.0, 4.0)}
    trials = [({"x": 1.0, "y": 0.0}, 2.0), ({"x": 2.0, "y": 1.0}, 2.001)]
    trials += [({"x": x, "y": 1.0}, 2.5) for x in (1.0, 4.0)]
    assert least_missing(trials, grid, acceptance=3e-3) == ({"x": 2.0, "y": 1.0}, 0)
    assert least_missing(trials, grid, acceptance=0.0) == ({"x": 1.0, "y": 0.0}, 2)
