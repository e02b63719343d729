"""The plan's upper bound and the ledger: they add up to what was run."""

import msgspec
import pytest
from tests.tune.study import OPTIMUM, answer, study, trained

from bestiary.specs import Cell
from bestiary.tune import ledger, needed, plan


def test_the_plan_bounds_what_is_run_and_ends_equal_to_it() -> None:
    question = study(runs_per_cell=8)
    results, order = answer(question)
    before = plan(question, {})
    assert sum(row.runs for row in before) >= len(order)
    assert sum(row.done for row in before) == 0
    after = plan(question, results)
    assert sum(row.runs for row in after) == sum(row.done for row in after) == len(order)
    for row in before:
        runs = [
            planned
            for planned in order
            if (planned.optimizer, planned.cell, planned.purpose)
            == (row.optimizer, row.cell, row.purpose)
        ]
        assert len(runs) <= row.runs
        for planned in runs:
            assert 0.9 * row.tokens < planned.run.tokens <= row.tokens
            assert planned.run.flops <= row.flops


@pytest.mark.slow
def test_the_bound_never_rises_and_counts_what_is_done() -> None:
    question = study(runs_per_cell=6)
    results, order = answer(question)
    known = {}
    bound = sum(row.runs for row in plan(question, known))
    for planned, key in zip(order, results, strict=True):
        known[key] = trained(planned)
        rows = plan(question, known)
        assert sum(row.done for row in rows) == len(known)
        assert sum(row.runs for row in rows) <= bound
        bound = sum(row.runs for row in rows)
        assert sum(row.left for row in rows) >= len(needed(question, known))


def test_a_grid_that_cannot_grow_bounds_the_plan() -> None:
    question = study(runs_per_cell=1000)
    fixed = tuple(msgspec.structs.replace(one, extend=()) for one in question.candidates)
    rows = plan(msgspec.structs.replace(question, candidates=fixed), {})
    assert {row.runs for row in rows if row.purpose == "tune"} == {3 * 2}


def test_the_ledger_adds_up_and_counts_divergence() -> None:
    question = study(runs_per_cell=12)
    results, order = answer(question)
    entries = ledger(question, results)
    assert [entry.optimizer for entry in entries] == list(OPTIMUM)
    for entry in entries:
        runs = [one for one in order if one.optimizer == entry.optimizer and one.purpose == "tune"]
        assert entry.runs == len(runs)
        assert entry.tokens == sum(planned.run.tokens for planned in runs)
        assert entry.flops == sum(planned.run.flops for planned in runs)
        assert entry.device_seconds == (2.0 + 0.5) * len(runs)
        assert entry.varied == ("learning_rate", "beta1")
        assert entry.tuned == ("learning_rate", "beta1")
        assert entry.fixed == ("warmup_fraction",)
        assert [cell.cell for cell in entry.cells] == list(question.tuning.cells)
        for cell in entry.cells:
            best = [loss for loss in cell.best_after if loss is not None]
            assert len(cell.best_after) == cell.runs
            assert best == sorted(best, reverse=True)
            assert cell.ended
            assert cell.bracketed
    assert sum(entry.diverged for entry in entries) == sum(
        result.state == "diverged" for result in results.values()
    )


def test_an_empty_ledger_is_all_zeros() -> None:
    for entry in ledger(study(), {}):
        assert (entry.runs, entry.tokens, entry.device_seconds) == (0, 0, 0)
        assert not any(cell.ended or cell.bracketed for cell in entry.cells)
        assert entry.cells[0].cell == Cell(size="small", ratio=1.0)
