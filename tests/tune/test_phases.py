"""The three phases on surfaces with known optima: found, bounded, ended, whatever the order."""

import math
import random
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET
from tests.tune.surfaces import FOLLOWED, PREDICTED, TUNED, Surface, answered, cells, phased

from bestiary.errors import UserError
from bestiary.specs import Cell, Phases, run_id
from bestiary.tune import Planner, _forecast, needed, phase_accounts, plan, winners, winners_of
from bestiary.tune._transfer import distance

STUDY = Phases(protocol="study", followed=FOLLOWED, predicted=PREDICTED)


@pytest.mark.parametrize("protocol", ["study", "bestiary"])
def test_what_depends_on_scale_is_followed_predicted_and_confirmed(protocol: str) -> None:
    question = phased(Phases(protocol=protocol, followed=FOLLOWED, predicted=PREDICTED))
    surface = Surface(by_size=-0.5)
    planner, order = answered(question, {"adamw": surface})
    (account,) = phase_accounts(planner)
    assert account.followed == ("learning_rate",)
    assert set(account.frozen) == {"weight_decay", "beta2"}
    followed = [one for one in order if one.purpose == "follow"]
    assert {one.cell for one in followed} == set(FOLLOWED)
    assert {one.configuration["weight_decay"] for one in followed} == {0.1}
    assert {one.cell for one in order if one.purpose == "confirm"} == set(PREDICTED)
    assert {cell for _, cell in winners(question, planner.results)} == set(question.cells)
    assert {one.cell for one in account.predicted} == set(PREDICTED)
    if protocol == "bestiary":  # the study's form rarely leaves the constant that it begins at
        for one in account.predicted:
            (law,) = one.forecasts
            assert abs(math.log2(float(law.value) / surface.best_rate(one.cell))) < 1


def test_the_study_confirms_with_one_run_and_bestiary_with_a_star() -> None:
    surfaces = {"adamw": Surface(by_size=-0.5)}
    _, once = answered(phased(STUDY), surfaces)
    planner, star = answered(phased(), surfaces)
    count = {
        name: sum(one.purpose == "confirm" and one.cell == PREDICTED[0] for one in order)
        for name, order in (("once", once), ("star", star))
    }
    assert count["once"] == 1
    assert 3 <= count["star"] <= 9
    (account,) = phase_accounts(planner)
    for one in account.predicted:
        assert one.penalty is not None
        assert one.penalty.value is not None
        assert one.penalty.value >= 0


SURFACES = st.builds(
    Surface,
    rate=st.sampled_from([0.002, 0.006, 0.01, 0.03]),
    by_size=st.sampled_from([-0.5, -0.25, 0.0, 0.25]),
    by_tokens=st.sampled_from([-0.2, 0.0, 0.1]),
    decay=st.sampled_from([0.05, 0.1, 0.2]),
    curvature=st.sampled_from([0.01, 0.05, 0.2]),
    coupling=st.sampled_from([-0.8, 0.0, 0.8]),
    noise=st.sampled_from([0.0, 3e-4]),
    seed=st.integers(0, 9),
)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(
    surface=SURFACES,
    rule=st.sampled_from([("study", UNSET), ("bestiary", UNSET), ("bestiary", "shown")]),
    order=st.integers(0, 99),
)
def test_it_ends_within_its_bound_and_never_asks_twice(
    surface: Surface, rule: tuple[str, Any], order: int
) -> None:
    protocol, freezing = rule
    phases = Phases(protocol=protocol, followed=FOLLOWED, predicted=PREDICTED, freezing=freezing)
    question = phased(phases, runs_per_cell=25)
    before = plan(question, {})
    planner, asked = answered(question, {"adamw": surface}, random.Random(order))
    assert len({run_id(one.run) for one in asked}) == len(asked)
    assert sum(row.least for row in before) <= len(asked) <= sum(row.runs for row in before)
    after = plan(question, planner.results)
    assert all(row.least == row.done == row.runs for row in after)
    assert needed(question, planner.results) == []
    assert winners_of(planner) == winners(question, planner.results)


@pytest.mark.slow
@settings(max_examples=20, deadline=None)
@given(surface=SURFACES)
def test_bestiary_finds_the_optimum_of_every_cell(surface: Surface) -> None:
    """Within a grid step of each coordinate along the axes, so within its cost.

    A rate that is frozen is besides as far off as the optimum moved since the nearest tuned cell.
    """
    surface = msgspec.structs.replace(surface, coupling=0.0)
    planner, _ = answered(phased(), {"adamw": surface})
    (account,) = phase_accounts(planner)
    for (_, cell), winner in winners_of(planner).items():
        moved = 0.0 if "learning_rate" in account.followed else since_tuned(surface, cell)
        # Half a step off the best of a grid of factors of two, a move worth taking, and noise.
        steps = (0.6 + moved) ** 2 + 0.6**2
        allowed = surface.curvature * steps + 2 * 3e-3 + 8 * surface.noise
        assert surface.excess(winner.configuration, cell) <= allowed, (cell, winner)


def since_tuned(surface: Surface, cell: Cell) -> float:
    """By how many factors of two the best rate of a cell lies from that of the nearest tuned."""
    near = min(TUNED, key=lambda other: distance(phased(), cell, other))
    return abs(math.log2(surface.best_rate(cell) / surface.best_rate(near)))


def test_what_moves_by_less_than_a_step_of_the_grid_is_not_seen() -> None:
    """The rate's optimum is 0.8 steps apart in the tuned cells, in all nearest to one value."""
    surface = Surface(by_tokens=-0.2, curvature=0.2)
    planner, _ = answered(phased(), {"adamw": surface})
    (account,) = phase_accounts(planner)
    assert account.followed == ()
    assert account.frozen["learning_rate"] == 0.008


@pytest.mark.slow
@settings(max_examples=8, deadline=None)
@given(surface=SURFACES, pick=st.integers(0, 9))
def test_the_same_results_give_the_same_plan_in_whatever_order_they_came(
    surface: Surface, pick: int
) -> None:
    question = phased(names=("adamw", "muon"), runs_per_cell=12)
    surfaces = {"adamw": surface, "muon": msgspec.structs.replace(surface, rate=0.004)}
    first, one = answered(question, surfaces)
    second, other = answered(question, surfaces, random.Random(pick))
    assert first.results == second.results
    assert winners_of(first) == winners_of(second)
    assert {run_id(a.run) for a in one} == {run_id(b.run) for b in other}


@pytest.mark.slow
def test_what_is_remembered_is_what_would_be_decided_anew() -> None:
    phases = Phases(followed=FOLLOWED[:1], predicted=PREDICTED[:1], more_seeds=(8, 9))
    question = phased(phases, names=("adamw", "muon"), runs_per_cell=9)
    surfaces = {"adamw": Surface(noise=1e-3), "muon": Surface(noise=1e-3, seed=3)}
    planner, draw = Planner(question, {}), random.Random(1)
    while waiting := list(planner.waiting()):
        for run in draw.sample(waiting, min(len(waiting), 5)):
            planner.take(surfaces[run.planned.optimizer].result(run.planned))
        assert planner.needed() == needed(question, planner.results)


def test_a_valley_between_two_coordinates_is_followed() -> None:
    surface = Surface(coupling=0.9, rate=0.03, decay=0.05, curvature=0.05)
    alone = phased(Phases(joint=()))
    together = phased(Phases())
    excess = {
        name: max(
            surface.excess(winner.configuration, cell)
            for (_, cell), winner in winners_of(answered(study, {"adamw": surface})[0]).items()
        )
        for name, study in (("alone", alone), ("together", together))
    }
    assert excess["together"] < 0.5 * excess["alone"]


@pytest.mark.slow
def test_seeds_in_reserve_go_to_the_two_best_until_they_can_be_told_apart() -> None:
    phases = Phases(more_seeds=(11, 12, 13, 14))
    names = ("adamw", "muon", "soap")
    question = phased(phases, names=names, runs_per_cell=8)
    equal = {name: Surface(noise=1e-3, seed=i) for i, name in enumerate(names)}
    equal["soap"] = Surface(noise=1e-3, decay=0.8, seed=2)
    _, order = answered(question, equal)
    extra = [one for one in order if one.run.seed > 10]
    assert {one.optimizer for one in extra} <= {"adamw", "muon"}
    assert {one.run.seed for one in extra} == {11, 12, 13, 14}
    apart = equal | {"muon": Surface(noise=1e-5, decay=0.25), "adamw": Surface(noise=1e-5)}
    _, order = answered(question, apart | {"soap": Surface(noise=1e-5, decay=0.8)})
    assert not [one for one in order if one.run.seed > 10]


def test_only_named_candidates_are_predicted_and_the_others_are_listed() -> None:
    phases = msgspec.structs.replace(STUDY, predicted_candidates=("muon",))
    question = phased(phases, names=("adamw", "muon"), runs_per_cell=20)
    surface = Surface(by_size=-0.5)
    planner, order = answered(question, {"adamw": surface, "muon": surface})
    assert {one.optimizer for one in order if one.cell in PREDICTED} == {"muon"}
    (skipped,) = planner.skipped()
    assert (skipped.optimizer, skipped.what) == ("adamw", "phase III")


def test_a_candidate_that_never_converges_skips_the_later_phases_with_a_reason() -> None:
    question = phased(runs_per_cell=6)
    planner, order = answered(question, {"adamw": Surface(cliff=1e-6)})
    assert {one.purpose for one in order} == {"tune"}
    (skipped,) = planner.skipped()
    assert skipped.reason == "nothing converged in phase I"
    assert all(row.done == row.runs for row in plan(question, planner.results))


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        (Phases(followed=TUNED[:1]), "tiny 1x is tuned and followed"),
        (Phases(followed=cells(("huge", 1.0))), "unknown size 'huge'"),
        (Phases(followed=cells(("large", 3.0))), "must have a ratio of the study"),
        (Phases(predicted_candidates=("adam",)), "did you mean 'adamw'"),
        (Phases(more_seeds=(1,)), "more_seeds must be fresh"),
    ],
)
def test_phases_that_cannot_be_are_refused(phases: Phases, message: str) -> None:
    with pytest.raises(UserError, match=message):
        phased(phases)


def test_a_law_that_does_not_converge_is_fitted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fit without end takes seconds, and every predicted cell asks for it."""
    asked = []

    def endless(*cells: object) -> None:
        asked.append(cells)
        raise UserError("does not converge; use another")

    monkeypatch.setattr(_forecast, "fit_study_setting", endless)
    _forecast._study_law.cache_clear()
    told = {_forecast._study_law((1, 2), (1.0, 2.0), (0.1, 0.2)) for _ in range(3)}
    _forecast._study_law.cache_clear()
    assert told == {"does not converge; use another"}
    assert len(asked) == 1
