"""Planned against spent: bounds before the first run, sums afterwards."""

import msgspec
import pytest
from tests.tune.study import answer, study

from bestiary.specs import TRUNK_STEPS, run_id
from bestiary.tune import plan, spending

QUESTION = study(runs_per_cell=5, seeds=(1,))


def test_what_is_spent_lies_within_what_was_planned() -> None:
    results, order = answer(QUESTION)
    rows = spending(QUESTION, {run_id(one.run): one for one in order}, results)
    assert len({(row.optimizer, row.purpose) for row in rows}) == len(rows) == 3 * 2
    for row in rows:
        own = [one for one in order if (one.optimizer, one.purpose) == (row.optimizer, row.purpose)]
        assert row.planned_runs.least <= row.runs == len(own) <= row.planned_runs.most
        assert row.planned_tokens.least <= row.tokens <= row.planned_tokens.most
        assert row.seconds == 2.5 * len(own)
    assert sum(row.planned_runs.most for row in rows) == sum(one.runs for one in plan(QUESTION, {}))


def test_device_time_is_planned_at_the_pace_of_the_baseline() -> None:
    """Its runs took two seconds each, whatever their size: FLOPs then say how long others take."""
    results, order = answer(QUESTION)
    planned = {run_id(one.run): one for one in order}
    rows = spending(QUESTION, planned, results)
    first, other = (
        next(row for row in rows if (row.optimizer, row.purpose) == (name, "tune"))
        for name in ("adamw", "muon")
    )
    assert first.planned_seconds == other.planned_seconds, "of the same runs at the same pace"
    expected = 0.0
    for size in QUESTION.sizes:
        runs = [one for one in order if (one.optimizer, one.cell.size) == ("adamw", size)]
        pace = 2.0 * len(runs) / sum(one.run.tokens for one in runs)
        bounds = [one for one in plan(QUESTION, {}) if one.cell.size == size]
        tuned = [one for one in bounds if (one.optimizer, one.purpose) == ("adamw", "tune")]
        expected += pace * sum(one.tokens * one.runs for one in tuned)
    assert first.planned_seconds is not None
    assert first.planned_seconds.most == pytest.approx(expected)


def test_steps_of_a_trunk_are_spent_once() -> None:
    """Of a run whose trunk a shorter one had trained for 3 of 4 steps a fourth is its own."""
    results, order = answer(QUESTION)
    planned = {run_id(one.run): one for one in order}
    name, whole = next(iter(results.items()))
    branch = msgspec.structs.replace(whole, last_step=400, environment={TRUNK_STEPS: "300"})
    before, after = (
        {(row.optimizer, row.purpose): row for row in spending(QUESTION, planned, found)}
        for found in (results, results | {name: branch})
    )
    place = planned[name].optimizer, planned[name].purpose
    saved = before[place].tokens - after[place].tokens
    assert saved == pytest.approx(0.75 * whole.tokens, abs=1)
    assert before[place].seconds - after[place].seconds == pytest.approx(0.75 * whole.seconds)
    assert {key: row for key, row in before.items() if key != place} == {
        key: row for key, row in after.items() if key != place
    }


def test_before_the_first_run_nothing_is_known_of_time() -> None:
    rows = spending(QUESTION, {}, {})
    assert {row.planned_seconds for row in rows} == {None}
    assert {row.runs for row in rows} == {0}
