"""The plan of a whole study: complete, in a useful order, and the same whatever was lost."""

import random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.tune.study import OPTIMUM, answer, study, trained

from bestiary.errors import UserError
from bestiary.specs import Cell, RunResult, Setting, Study, run_id
from bestiary.tune import needed, winners


def test_an_answered_study_needs_nothing_and_has_every_winner() -> None:
    question = study()
    results, order = answer(question)
    assert needed(question, results) == []
    found = winners(question, results)
    assert set(found) == {(name, cell) for name in OPTIMUM for cell in question.cells}
    for (name, cell), winner in found.items():
        assert winner.configuration["learning_rate"] == OPTIMUM[name]
        assert winner.configuration["beta1"] == 0.95
        assert winner.bracketed
        assert winner.edges == ("beta1",)
        assert winner.inherited == (cell.ratio == 2.0)
        assert winner.tuned_in == Cell(size=cell.size, ratio=1.0)
        assert not winner.exhausted
    reports = [planned for planned in order if planned.purpose == "report"]
    assert len(reports) == len(found) * 2
    assert {planned.run.seed for planned in reports} == {1, 2}
    assert {planned.run.seed for planned in order if planned.purpose == "tune"} == {0}
    assert len({run_id(planned.run) for planned in order}) == len(order)


@pytest.mark.parametrize("schema", [1, 2])
def test_the_runs_of_a_study_have_its_schema(schema: int) -> None:
    question = msgspec.structs.replace(study(), schema=schema)
    assert {planned.run.schema for planned in needed(question, {})} == {schema}


def test_a_run_carries_what_its_configuration_says() -> None:
    question = study()
    first = needed(question, {})[0]
    assert first.configuration["warmup_fraction"] == 0.1
    model, run = question.sizes[first.cell.size], first.run
    assert run.steps == model.steps(1.0, 4)
    assert run.schedule.warmup_steps == round(0.1 * run.steps)
    assert run.optimizer.settings == {"learning_rate": 0.008, "beta1": 0.9}
    assert run.evaluate_every == 0
    _, order = answer(question)
    reported = next(planned.run for planned in order if planned.purpose == "report")
    assert 0 < -(-reported.steps // reported.evaluate_every) <= question.evaluations


def test_the_first_answers_come_early_and_candidates_take_turns() -> None:
    question = study()
    names = list(OPTIMUM)
    first = [planned.optimizer for planned in needed(question, {})]
    assert first[: 2 * len(names)] == names * 2
    _, order = answer(question)
    cells = [planned.cell for planned in order]
    assert cells.index(Cell(size="small", ratio=2.0)) < cells.index(Cell(size="large", ratio=1.0))
    reports = [planned for planned in order if planned.purpose == "report"][: len(names)]
    assert [planned.optimizer for planned in reports] == names
    assert {planned.run.seed for planned in reports} == {1}


def test_a_row_of_the_grid_can_be_trained_in_parallel() -> None:
    question = study()
    waiting = needed(question, {})
    assert len(waiting) == 3 * len(OPTIMUM) * len(question.tuning.cells)
    one = trained(waiting[0])
    assert needed(question, {one.run_id: one}) == [
        planned for planned in waiting if planned != waiting[0]
    ]


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 12))
def test_any_order_of_results_gives_the_same_table(seed: int, budget: int) -> None:
    question = study(runs_per_cell=budget)
    expected, _ = answer(question)
    source = random.Random(seed)
    shuffled, _ = answer(question, pick=lambda waiting: source.randrange(len(waiting)))
    assert shuffled == expected
    assert winners(question, shuffled) == winners(question, expected)


@pytest.mark.slow
@settings(max_examples=10, deadline=None)
@given(st.integers(0, 2**32))
def test_whatever_results_are_lost_the_plan_asks_for_no_more_than_the_whole(seed: int) -> None:
    question = study(runs_per_cell=9)
    whole, _ = answer(question)
    source = random.Random(seed)
    kept = {key: result for key, result in whole.items() if source.random() < 0.7}
    assert {run_id(planned.run) for planned in needed(question, kept)} <= set(whole) - set(kept)
    again, order = answer(question, results=kept)
    assert again == whole
    assert len(order) == len(whole) - len(kept)


@pytest.mark.slow
def test_every_prefix_of_a_study_can_be_gone_on_with() -> None:
    """Killed after each event: the final results are those of the unbroken study."""
    question = study(runs_per_cell=7, seeds=(1,))
    whole, order = answer(question)
    for events in range(0, len(order), 7):
        kept = {run_id(planned.run): trained(planned) for planned in order[:events]}
        again, rest = answer(question, results=kept)
        assert again == whole
        assert rest == order[events:]


@pytest.mark.parametrize("budget", [1, 2, 5, 8])
def test_the_budget_is_the_same_for_all(budget: int) -> None:
    question = study(runs_per_cell=budget)
    results, order = answer(question)
    for cell in question.tuning.cells:
        for name in OPTIMUM:
            runs = [
                one
                for one in order
                if (one.optimizer, one.cell, one.purpose) == (name, cell, "tune")
            ]
            assert len(runs) <= budget
            assert winners(question, results)[name, cell].effort == len(runs)
    if budget < 5:
        assert all(winner.exhausted for winner in winners(question, results).values())


def test_a_failed_run_ranks_worst_and_is_not_asked_for_again() -> None:
    question = study()
    lost = needed(question, {})[2]
    failed = RunResult(run_id=run_id(lost.run), state="failed", reason="killed")
    results, order = answer(question, results={failed.run_id: failed})
    assert failed.run_id not in {run_id(planned.run) for planned in order}
    winner = winners(question, results)[lost.optimizer, lost.cell]
    assert winner.configuration != lost.configuration


def test_where_nothing_converges_there_is_no_winner_and_nothing_to_report() -> None:
    question = study(runs_per_cell=4)
    results: dict[str, RunResult] = {}
    while waiting := needed(question, results):
        for planned in waiting:
            assert planned.purpose == "tune"
            identity = run_id(planned.run)
            results[identity] = RunResult(run_id=identity, state="diverged")
    assert winners(question, results) == {}
    assert len(results) == 4 * len(OPTIMUM) * 2


def with_start(**changes: Setting) -> Study:
    question = study()
    first, *others = question.candidates
    start = {**first.start, **changes}
    grid = {**first.grid, "batch_size": (4, 100_000)}
    changed = msgspec.structs.replace(first, start=start, grid=grid)
    return msgspec.structs.replace(question, candidates=(changed, *others))


def test_a_configuration_that_cannot_run_is_skipped() -> None:
    question = with_start(warmup_fraction=0.1)
    results, order = answer(question)
    assert {planned.run.batch_size for planned in order} == {4}
    assert winners(question, results)["adamw", question.cells[0]].edges == ("beta1",)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"warmup_fraction": 2.0}, "warm-up must not be longer"),
        ({"batch_size": 10**9}, "at least one step"),
        ({"batch_size": 2.5}, "whole number"),
        ({"learning_rate": float("nan")}, "finite"),
    ],
)
def test_a_start_that_cannot_run_is_refused(changes: dict[str, Setting], message: str) -> None:
    with pytest.raises(UserError, match=message):
        needed(with_start(**changes), {})


def test_an_unknown_coordinate_or_size_names_the_nearest() -> None:
    question = study()
    first, *others = question.candidates
    wrong = msgspec.structs.replace(first, grid={"leaning_rate": (0.1,)})
    with pytest.raises(UserError, match="'learning_rate'"):
        needed(msgspec.structs.replace(question, candidates=(wrong, *others)), {})
    wrong = msgspec.structs.replace(first, grid={"decay_fraction": (0.1,)})
    with pytest.raises(UserError, match="add it to start"):
        needed(msgspec.structs.replace(question, candidates=(wrong, *others)), {})
    cells = (Cell(size="smal", ratio=1.0),)
    tuning = msgspec.structs.replace(question.tuning, cells=cells)
    with pytest.raises(UserError, match="'small'"):
        needed(msgspec.structs.replace(question, tuning=tuning), {})


@pytest.mark.parametrize("values", [(1, 1.0, True), (True, 1, 1.0), (0.0, 0, False)])
def test_numbers_that_are_equal_but_not_the_same_are_different_runs(
    values: tuple[Setting, ...],
) -> None:
    """What is remembered of one study is never taken for another's, whichever comes first."""
    for value in values:
        first = needed(with_start(flavour=value), {})[0].run
        assert type(first.optimizer.settings["flavour"]) is type(value)
        assert run_id(first) in {run_id(one.run) for one in needed(with_start(flavour=value), {})}
    keys = {run_id(needed(with_start(flavour=value), {})[0].run) for value in values}
    assert len(keys) == len(values)


def test_a_schedule_is_a_coordinate_and_equal_runs_are_one() -> None:
    question = study(runs_per_cell=30)
    first, *others = question.candidates
    grid = {"schedule": ("cosine", "linear", "wsd"), "decay_fraction": (0.2, 0.6)}
    start = {**first.start, "decay_fraction": 0.2}
    changed = msgspec.structs.replace(first, start=start, grid=grid, extend=())
    question = msgspec.structs.replace(question, candidates=(changed, *others))
    _, order = answer(question)
    own = [one for one in order if (one.optimizer, one.purpose) == (first.name, "tune")]
    kinds = {one.run.schedule.kind for one in own}
    assert kinds == {"cosine", "linear", "wsd"}
    assert {one.run.schedule.decay_fraction for one in own if one.run.schedule.kind == "wsd"}
    cosines = [one for one in own if one.run.schedule.kind == "cosine"]
    assert {one.run.schedule.decay_fraction for one in cosines} == {1.0}
