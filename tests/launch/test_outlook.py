"""The snapshot: totals that add up, comparable losses, an honest guess at the time left."""

import msgspec
import pytest
from tests.tune.study import answer, study, trained

from bestiary.launch import Running
from bestiary.launch._outlook import Outlook
from bestiary.specs import RunResult, run_id
from bestiary.tune import Planner, plan

QUESTION = study(runs_per_cell=5)


def outlook(done: int, slots: int = 2) -> tuple[Outlook, int]:
    """The outlook after so many runs, which took 2 seconds per gigaflop and 3 to compile."""
    _, order = answer(QUESTION)
    results: dict[str, RunResult] = {}
    for planned in order[:done]:
        took = {"seconds": planned.run.flops * 2e-9, "compile_seconds": 3.0}
        results[run_id(planned.run)] = msgspec.structs.replace(trained(planned), **took)
    known = {run_id(planned.run): planned for planned in order}
    left = sum(planned.run.flops * 2e-9 + 3 for planned in order[done:])
    return Outlook(Planner(QUESTION, results), known, slots=slots, began=0.0), left


def running(steps: int, step: int) -> Running:
    _, order = answer(QUESTION)
    last = order[-1]
    return Running(
        run_id=run_id(last.run),
        optimizer=last.optimizer,
        cell=last.cell,
        purpose=last.purpose,
        attempt=1,
        step=step,
        steps=steps,
    )


def test_nothing_is_claimed_before_there_is_a_result() -> None:
    shown = outlook(0)[0].snapshot([])
    assert (shown.done, shown.best, shown.best_cell, shown.seconds_left) == (0, {}, None, None)


@pytest.mark.slow
def test_the_time_left_is_work_left_over_slots() -> None:
    """Near the end, when no bound is loose, the guess is what the runs will take."""
    _, order = answer(QUESTION)
    first = next(k for k, one in enumerate(order) if one.purpose == "report" and k > 35)
    for slots in (1, 2):
        guess, left = outlook(first, slots)
        assert guess.snapshot([]).seconds_left == pytest.approx(left / slots, rel=0.01)
    assert outlook(len(order))[0].snapshot([]).seconds_left == 0


@pytest.mark.slow
def test_what_runs_has_done_part_of_its_work() -> None:
    _, order = answer(QUESTION)
    guess, _ = outlook(len(order) - 1, slots=1)
    fresh = guess.snapshot([running(100, 0)]).seconds_left
    half = guess.snapshot([running(100, 50)]).seconds_left
    assert fresh is not None
    assert half == pytest.approx(fresh / 2)


@pytest.mark.slow
def test_losses_are_compared_in_one_cell_and_in_the_studys_order() -> None:
    _, order = answer(QUESTION)
    for done in (1, 7, 20, len(order)):
        shown = outlook(done)[0].snapshot([])
        cell = [one for one in order[:done] if one.cell == shown.best_cell]
        assert list(shown.best) == [
            name for name in ("adamw", "muon", "soap") if name in {one.optimizer for one in cell}
        ]
        for name, loss in shown.best.items():
            losses = [trained(one).loss["selection"] for one in cell if one.optimizer == name]
            assert loss == min(losses)


@pytest.mark.slow
def test_the_cell_at_work_is_shown_once_it_has_a_loss() -> None:
    _, order = answer(QUESTION)
    guess, _ = outlook(len(order), slots=1)
    for cell in {one.cell for one in order}:
        at_work = msgspec.structs.replace(running(100, 50), cell=cell)
        assert guess.snapshot([at_work]).best_cell == cell
    first, _ = outlook(1, slots=1)
    elsewhere = next(one.cell for one in order if one.cell != order[0].cell)
    at_work = msgspec.structs.replace(running(100, 50), cell=elsewhere)
    assert first.snapshot([at_work]).best_cell == order[0].cell


@pytest.mark.slow
def test_an_outlook_that_is_kept_up_to_date_is_one_made_anew() -> None:
    _, order = answer(QUESTION)
    known = {run_id(planned.run): planned for planned in order}
    planner = Planner(QUESTION, {})
    kept = Outlook(planner, known, slots=1, began=0.0)
    for planned in order:
        result = msgspec.structs.replace(trained(planned), seconds=2.0, compile_seconds=1.0)
        planner.take(result)
        kept.take(result)
        fresh = Outlook(Planner(QUESTION, planner.results), known, slots=1, began=0.0)
        shown, anew = (one.snapshot([]) for one in (kept, fresh))
        assert (
            shown.planned
            == anew.planned
            == sum(row.runs for row in plan(QUESTION, planner.results))
        )
        assert (shown.done, shown.best, shown.best_cell) == (anew.done, anew.best, anew.best_cell)
        assert shown.seconds_left == pytest.approx(anew.seconds_left)
    assert kept.device_seconds == 3.0 * len(order)
