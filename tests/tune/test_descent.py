"""Coordinate descent on losses with known optima: found, bracketed, within the budget."""

import itertools
import math
from collections.abc import Callable

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.specs import Candidate, Configuration, Feasible
from bestiary.tune import Optimum, coordinate_descent
from bestiary.tune import edges as edges_of
from bestiary.tune._axis import Axis

RATES = (0.004, 0.008, 0.016, 0.032)


def candidate(
    start: Configuration, grid: dict[str, tuple[float | str | bool, ...]], *, extend: bool = True
) -> Candidate:
    return Candidate(
        name="adamw",
        label="AdamW",
        family="scalar",
        start=start,
        grid=grid,
        extend=("learning_rate",) if extend else (),
    )


def descend(
    who: Candidate,
    loss: Callable[[Configuration], float],
    *,
    budget: int = 1000,
    gain: float = 0.0,
    feasible: Callable[[Configuration], bool] = lambda _: True,
) -> tuple[Optimum, list[Configuration]]:
    """Run a search against a function; every distinct configuration costs one of the budget."""
    tried: list[Configuration] = []

    def answer(configuration: Configuration) -> float:
        assert feasible(configuration)
        if configuration not in tried:
            if len(tried) == budget:
                return math.nan
            tried.append(configuration)
        return loss(configuration)

    search = coordinate_descent(who, minimum_gain=gain, feasible=feasible)
    batch = next(search)
    while True:
        try:
            batch = search.send([answer(configuration) for configuration in batch])
        except StopIteration as ended:
            return ended.value, tried


def edges(
    found: Optimum,
    tried: list[Configuration],
    loss: Callable[[Configuration], float],
    gain: float = 0.0,
) -> tuple[str, ...]:
    """The edges on which a search ended."""
    trials = [(one, loss(one)) for one in tried]
    return edges_of(found.configuration, found.loss, trials, noticeable=gain)


def bowl(**optimum: float) -> Callable[[Configuration], float]:
    """A quadratic in the logarithm of every coordinate named."""
    return lambda values: (
        1 + sum(math.log2(float(values[name]) / best) ** 2 for name, best in optimum.items())
    )


def test_it_finds_the_minimum_of_a_grid() -> None:
    who = candidate(
        {"learning_rate": 0.004, "beta1": 0.9, "beta2": 0.98},
        {"learning_rate": RATES, "beta1": (0.8, 0.9, 0.95), "beta2": (0.9, 0.95, 0.98)},
    )
    loss = bowl(learning_rate=0.016, beta1=0.95, beta2=0.9)
    found, tried = descend(who, loss)
    assert found.configuration == {"learning_rate": 0.016, "beta1": 0.95, "beta2": 0.9}
    assert found.loss == 1
    assert edges(found, tried, loss) == ("beta1", "beta2")
    # the way there, then the star around it, whose last row the first pass has tried already
    assert len(tried) == (4 + 2 + 2) + (3 + 2)


def test_coupled_coordinates_take_several_passes_and_may_stop_short() -> None:
    """The known weakness of the method, kept visible: along a valley it sticks."""

    def valley(values: Configuration) -> float:
        x, y = math.log2(values["learning_rate"] / 0.004), math.log2(values["decay"] / 0.1)
        return 0.25 * (x - y) ** 2 + 0.1 * (x - 3) ** 2

    grid = {"learning_rate": RATES, "decay": (0.1, 0.2, 0.4, 0.8)}
    found, _ = descend(candidate({"learning_rate": 0.004, "decay": 0.1}, grid), valley)
    assert found.configuration == {"learning_rate": 0.016, "decay": 0.4}
    assert found.loss == pytest.approx(0.1)
    assert valley({"learning_rate": 0.032, "decay": 0.8}) == 0


@pytest.mark.parametrize("best", [0.0005, 0.001, 0.128, 1.024])
def test_an_optimum_beyond_the_edge_is_bracketed(best: float) -> None:
    who = candidate({"learning_rate": 0.008}, {"learning_rate": RATES})
    found, tried = descend(who, bowl(learning_rate=best))
    assert found.configuration["learning_rate"] == pytest.approx(best, rel=1e-5)
    assert edges(found, tried, bowl(learning_rate=best)) == ()
    rates = sorted(values["learning_rate"] for values in tried)
    assert rates[0] < best * 0.9
    assert rates[-1] > best * 1.1
    ratios = [after / before for before, after in itertools.pairwise(rates)]
    assert ratios == pytest.approx([2.0] * len(ratios))


@given(
    grid=st.lists(st.floats(0.01, 0.999), min_size=1, max_size=4, unique=True),
    limit=st.sampled_from([1.0, 2.0]),
    up=st.booleans(),
)
def test_a_grid_never_grows_out_of_its_range(grid: list[float], limit: float, up: bool) -> None:
    axis = Axis(tuple(grid), grid[0], limit)
    for _ in range(60):
        grown = axis.beyond(axis.values[-1 if up else 0], below=not up)
        if grown is None:
            break
        assert 0 < grown < limit
    assert axis.values == sorted(set(axis.values))


def test_a_decay_rate_approaches_one_by_the_steps_of_its_grid() -> None:
    who = candidate({"beta1": 0.9}, {"beta1": (0.8, 0.9)})
    who = msgspec.structs.replace(who, extend=("beta1",), ranges={"beta1": Feasible(high=1.0)})

    def loss(values: Configuration) -> float:
        return abs(float(values["beta1"]) - 0.975)

    found, tried = descend(who, loss)
    assert found.configuration == {"beta1": 0.975}
    assert edges(found, tried, loss) == ()
    assert [values["beta1"] for values in tried] == [0.9, 0.8, 0.95, 0.975, 0.9875]


def test_without_extension_an_optimum_on_the_edge_is_flagged() -> None:
    who = candidate({"learning_rate": 0.008}, {"learning_rate": RATES}, extend=False)
    found, tried = descend(who, bowl(learning_rate=1.0))
    assert found.configuration == {"learning_rate": 0.032}
    assert edges(found, tried, bowl(learning_rate=1.0)) == ("learning_rate",)
    assert len(tried) == 4


def test_a_cliff_of_divergence_is_a_bracket() -> None:
    def cliff(values: Configuration) -> float:
        rate = float(values["learning_rate"])
        return math.inf if rate > 0.05 else 1 - rate

    found, tried = descend(candidate({"learning_rate": 0.008}, {"learning_rate": RATES}), cliff)
    assert found.configuration == {"learning_rate": 0.032}
    assert edges(found, tried, cliff) == ()
    assert {"learning_rate": 0.064} in tried


def test_where_all_diverges_it_looks_at_smaller_rates() -> None:
    def cliff(values: Configuration) -> float:
        return math.inf if float(values["learning_rate"]) > 0.0011 else 2.0

    found, _ = descend(candidate({"learning_rate": 0.016}, {"learning_rate": RATES}), cliff)
    assert found.configuration == {"learning_rate": 0.001}
    assert found.loss == 2.0


def test_where_everything_diverges_it_ends_with_the_budget() -> None:
    who = candidate({"learning_rate": 0.008}, {"learning_rate": RATES})
    found, tried = descend(who, lambda _: math.inf, budget=9)
    assert found.loss == math.inf
    assert len(tried) == 9


def test_a_gain_below_the_threshold_does_not_move() -> None:
    who = candidate({"beta1": 0.9}, {"beta1": (0.8, 0.9, 0.95)})
    losses = {0.8: 2.0, 0.9: 1.5, 0.95: 1.498}

    def loss(values: Configuration) -> float:
        return losses[values["beta1"]]

    found, tried = descend(who, loss, gain=3e-3)
    assert found.configuration == {"beta1": 0.9}
    assert edges(found, tried, loss, 3e-3) == ()
    found, tried = descend(who, loss, gain=1e-3)
    assert found.configuration == {"beta1": 0.95}
    assert edges(found, tried, loss, 1e-3) == ("beta1",)


def test_a_row_is_asked_for_at_once_and_near_values_first() -> None:
    who = candidate({"learning_rate": 0.008}, {"learning_rate": RATES})
    search = coordinate_descent(who, minimum_gain=0.0, feasible=lambda _: True)
    assert [values["learning_rate"] for values in next(search)] == [0.008, 0.004, 0.016, 0.032]


def test_switches_and_names_are_tried_but_never_extended_or_flagged() -> None:
    who = candidate(
        {"nesterov": True, "kind": "a"}, {"nesterov": (True, False), "kind": ("a", "b")}
    )

    def loss(values: Configuration) -> float:
        return float((values["kind"] == "a") + values["nesterov"])

    found, tried = descend(who, loss)
    assert found.configuration == {"nesterov": False, "kind": "b"}
    assert edges(found, tried, loss) == ()
    assert len(tried) == 4


def test_whole_numbers_of_a_real_coordinate_become_real() -> None:
    who = candidate({"max_grad_norm": 1.0}, {"max_grad_norm": (0, 1, 2)})
    _, tried = descend(who, lambda values: float(values["max_grad_norm"]))
    assert [type(values["max_grad_norm"]) for values in tried] == [float] * 3
    assert len(tried) == 3


def test_zero_has_no_geometric_neighbour() -> None:
    who = candidate({"learning_rate": 0.1}, {"learning_rate": (0.0, 0.1, 0.2)})
    found, tried = descend(who, lambda values: float(values["learning_rate"]))
    assert found.configuration == {"learning_rate": 0.0}
    assert edges(found, tried, lambda values: float(values["learning_rate"])) == ()
    assert len(tried) == 3


def test_what_cannot_run_is_never_asked_for() -> None:
    who = candidate({"learning_rate": 0.008}, {"learning_rate": RATES})
    found, tried = descend(
        who, bowl(learning_rate=1.0), feasible=lambda values: values["learning_rate"] < 0.02
    )
    assert found.configuration == {"learning_rate": 0.016}
    assert edges(found, tried, bowl(learning_rate=1.0)) == ("learning_rate",)
    assert len(tried) == 3


def test_a_candidate_without_a_grid_is_measured_once() -> None:
    found, tried = descend(candidate({"learning_rate": 0.1}, {}), lambda _: 1.25)
    assert (found.configuration, found.loss, len(tried)) == ({"learning_rate": 0.1}, 1.25, 1)


coordinates = st.dictionaries(
    st.sampled_from(["learning_rate", "beta1", "weight_decay"]),
    st.lists(st.sampled_from([0.1, 0.2, 0.4, 0.8, 1.6]), min_size=1, max_size=4, unique=True),
    min_size=1,
)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(coordinates, st.integers(1, 40), st.floats(0, 0.2), st.randoms(use_true_random=False))
def test_any_landscape_keeps_the_defining_properties(
    grids: dict[str, list[float]], budget: int, gain: float, random: object
) -> None:
    """On any noise, it ends within budget, at a tried configuration that no neighbour beats."""
    start = {name: values[0] for name, values in grids.items()}
    table: dict[tuple[float, ...], float] = {}

    def loss(values: Configuration) -> float:
        key = tuple(values[name] for name in grids)
        if key not in table:
            table[key] = random.choice([math.inf, random.random(), random.random()])  # type: ignore[attr-defined]
        return table[key]

    who = candidate(start, {name: tuple(values) for name, values in grids.items()})
    found, tried = descend(who, loss, budget=budget, gain=gain)
    assert len(tried) <= budget
    assert found.configuration in tried
    assert found.loss == loss(found.configuration)
    assert found.loss <= loss(start)
    for name, values in grids.items():
        for value in values:
            neighbour = {**found.configuration, name: value}
            if len(tried) < budget and name != "learning_rate":
                assert neighbour in tried  # (a grid that grew has left its far end behind)
            if neighbour in tried:
                assert not found.loss - loss(neighbour) > gain
    if len(tried) < budget and "learning_rate" in edges(found, tried, loss, gain):
        # The row was extended on the side of its lowest value, which is no gain over the winner.
        assert any(
            {**one, "learning_rate": 0.0} == {**found.configuration, "learning_rate": 0.0}
            and found.loss - gain <= loss(one) < found.loss
            for one in tried
        )
    again, retried = descend(who, loss, budget=budget, gain=gain)
    assert (again, retried) == (found, tried)
