"""On an edge: one definition, and what the planner says of its winners is that."""

import math
import random

import msgspec
import pytest
from tests.tune.study import study

from bestiary.specs import Configuration, Feasible, Planned, RunResult, Study, run_id
from bestiary.tune import edges, needed, varied, winners

STUDIES = 60
GRIDS = {
    "learning_rate": (0.008, 0.016, 0.032),
    "beta1": (0.5, 0.7, 0.8, 0.9),
}


def made_up(seed: int) -> Study:
    """A quickstart: two coordinates, seven runs a cell."""
    question = study(runs_per_cell=7, seeds=(1,))
    source = random.Random(seed)
    start = {"learning_rate": 0.016, "beta1": source.choice(GRIDS["beta1"]), "warmup_fraction": 0.1}
    candidates = tuple(
        msgspec.structs.replace(one, start=start, grid=GRIDS) for one in question.candidates
    )
    return msgspec.structs.replace(question, candidates=candidates)


def result(planned: Planned, seed: int) -> RunResult:
    """A bowl with its optimum anywhere, noise of the size of the minimum gain, some divergence."""
    truth = random.Random(f"{seed} {planned.optimizer} {planned.cell}")
    best, rate, height = truth.uniform(-9, -3), truth.uniform(0.3, 1.0), truth.uniform(0.002, 0.1)
    noise = random.Random(f"{seed} {run_id(planned.run)}")
    values = planned.configuration
    off = math.log2(values["learning_rate"]) - best
    loss = 2 + height * (off**2 + 9 * (values["beta1"] - rate) ** 2) + noise.gauss(0, 3e-3)
    if off > 2 or noise.random() < 0.05:
        return RunResult(run_id=run_id(planned.run), state="diverged")
    return RunResult(run_id=run_id(planned.run), state="done", loss=dict.fromkeys(SPLITS, loss))


SPLITS = ("selection", "report")


def answered(question: Study, seed: int) -> tuple[dict[str, RunResult], list[Planned]]:
    results: dict[str, RunResult] = {}
    planned: list[Planned] = []
    while asked := needed(question, results):
        planned += asked
        results |= {run_id(one.run): result(one, seed) for one in asked}
    return results, planned


def by_hand(winner: Configuration, losses: list[tuple[Configuration, float]]) -> set[str]:
    """The definition, written out for a study whose coordinates are all positive numbers."""
    (loss,) = (loss for one, loss in losses if one == winner)
    found = set()
    for name, value in winner.items():
        tried = sorted({one[name] for one, _ in losses})
        beside = {
            one[name]: its
            for one, its in losses
            if one[name] != value and all(one[n] == winner[n] for n in winner if n != name)
        }
        near = min(beside, key=lambda other: abs(other - value), default=None)
        falls = near is None or beside[near] > loss + 3e-3
        if len(tried) > 1 and value in (tried[0], tried[-1]) and falls:
            found.add(name)
    return found


@pytest.mark.slow
def test_the_flags_of_winners_are_the_definition_applied_to_the_trials() -> None:
    flagged, rows = 0, 0
    for seed in range(STUDIES):
        question = made_up(seed)
        results, planned = answered(question, seed)
        for winner in winners(question, results).values():
            trials = [
                (one.configuration, results[run_id(one.run)])
                for one in planned
                if (one.optimizer, one.cell, one.purpose)
                == (winner.optimizer, winner.tuned_in, "tune")
            ]
            losses = [(one, its.loss.get("selection", math.inf)) for one, its in trials]
            assert set(winner.edges) == by_hand(winner.configuration, losses)
            assert winner.varied == tuple(varied(losses))
            assert winner.bracketed == ("learning_rate" not in winner.edges)
            flagged += bool(winner.edges)
            rows += 1
    assert rows > 10 * STUDIES
    assert 0.1 < flagged / rows < 0.9


TRIED = [({"rate": rate}, loss) for rate, loss in ((1.0, 2.0), (2.0, 1.5), (4.0, 1.0))]


def test_a_falling_loss_at_the_outermost_value_is_an_edge() -> None:
    assert edges({"rate": 4.0}, 1.0, TRIED, noticeable=0.4) == ("rate",)
    assert edges({"rate": 4.0}, 1.0, TRIED, noticeable=0.6) == ()
    assert edges({"rate": 2.0}, 1.5, TRIED, noticeable=0.0) == ()
    assert edges({"rate": 4.0}, 1.0, TRIED[2:], noticeable=0.0) == ()


def test_divergence_beside_an_edge_is_a_fall() -> None:
    diverged = [({"rate": 1.0}, 1.0), ({"rate": 2.0}, math.inf)]
    assert edges({"rate": 1.0}, 1.0, diverged, noticeable=0.1) == ("rate",)


def test_where_nothing_lies_beyond_is_no_edge() -> None:
    def flags(feasible: Feasible) -> tuple[str, ...]:
        return edges({"rate": 4.0}, 1.0, TRIED, noticeable=0.0, ranges={"rate": feasible})

    assert flags(Feasible(high=4.0)) == ()
    assert flags(Feasible(high=4.0, high_open=True)) == ("rate",)
    assert flags(Feasible(high=5.0)) == ("rate",)
    ending_in_zero = [({"rate": 0.0}, 1.0), ({"rate": 1.0}, 2.0)]
    assert edges({"rate": 0.0}, 1.0, ending_in_zero, noticeable=0.0) == ()


def test_the_nearest_trial_in_this_coordinate_alone_decides() -> None:
    far_off = [*TRIED, ({"rate": 3.9, "other": 1.0}, 9.0)]
    assert edges({"rate": 4.0}, 1.0, far_off, noticeable=0.6) == ()
    alone = [({"rate": 4.0, "other": 0.5}, 1.0), ({"rate": 3.0, "other": 1.0}, 1.0)]
    assert edges({"rate": 4.0, "other": 0.5}, 1.0, alone, noticeable=0.6) == ("rate", "other")


@pytest.mark.parametrize("value", [True, "a"])
def test_switches_and_names_have_no_edge(value: bool | str) -> None:
    trials = [({"kind": value}, 1.0), ({"kind": "b"}, 2.0), ({"kind": 1.0}, 3.0)]
    assert edges({"kind": value}, 1.0, trials, noticeable=0.0) == ()


def test_what_was_varied_keeps_its_order() -> None:
    trials = [({"a": 2, "b": 1}, 1.0), ({"a": 1, "b": 1}, 1.0), ({"a": 2, "c": "x"}, 1.0)]
    assert varied(trials) == {"a": (2, 1)}
