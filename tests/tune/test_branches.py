"""A plan counts every step of a trunk once, as the study will take it."""

from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from tests.tune.study import answer, study

from bestiary.specs import Cell, RunSpec, Study, Tuning, run_id, stable_steps, trunk_id
from bestiary.tune import PlannedCost, plan, spending

Ratios = tuple[float, ...]


def question(
    kind: Any = "wsd",
    tuned: Ratios = (1.0,),
    grid: dict[str, Any] | None = None,
    **start: float,
) -> Study:
    plain = study(runs_per_cell=5)
    start = {"warmup_steps": 1.0, "decay_fraction": 0.2} | start
    candidates = []
    for one in plain.candidates[:1]:
        values = {k: v for k, v in one.start.items() if k != "warmup_fraction"} | start
        rows = {**one.grid, **(grid or {})}
        candidates.append(msgspec.structs.replace(one, schedule=kind, start=values, grid=rows))
    return msgspec.structs.replace(
        plain,
        candidates=tuple(candidates),
        sizes={"large": plain.sizes["large"]},
        ratios=(1.0, 2.0, 4.0, 8.0),
        tuning=Tuning(
            cells=tuple(Cell(size="large", ratio=ratio) for ratio in tuned), runs_per_cell=5
        ),
    )


def units(rows: tuple[PlannedCost, ...], *, least: bool = False, tunes: bool = False) -> float:
    """Tokens for one seed, in runs of 1x."""
    rows = tuple(one for one in rows if (one.purpose == "tune") == tunes)
    first = min(one.tokens for one in rows)
    sums = [one.least_of(one.tokens) if least else one.most_of(one.tokens) for one in rows]
    return sum(sums) / first / (1 if tunes else 2)


def test_a_trunk_with_branches_of_a_fifth_costs_9_4_units_and_full_runs_15() -> None:
    for least in (False, True):
        assert units(plan(question(), {}), least=least) == pytest.approx(9.4, abs=0.05)
        assert units(plan(question("cosine"), {}), least=least) == pytest.approx(15)
    assert units(plan(question("constant"), {})) == pytest.approx(8, abs=0.05)


def taken(runs: list[RunSpec]) -> int:
    """The steps that a driver takes for runs, each of which begins where one before it left."""
    steps = 0
    for run in runs:
        family = [one for one in runs if one != run and trunk_id(one) == trunk_id(run)]
        key = stable_steps(run), run.steps
        before = [stable_steps(one) for one in family if (stable_steps(one), one.steps) < key]
        steps += run.steps - max(before, default=0)
    return steps


@pytest.mark.parametrize(
    "make",
    [
        lambda: question(),
        lambda: question(tuned=(1.0, 2.0)),
        lambda: question(grid={"decay_fraction": (0.2, 0.5)}),
        lambda: question(grid={"schedule": ("cosine", "wsd")}, schedule="cosine"),
        lambda: question("constant", tuned=(2.0, 8.0)),
    ],
)
def test_what_is_taken_lies_between_least_and_most(make: Callable[[], Study]) -> None:
    asked = make()
    results, order = answer(asked)
    for purpose in ("tune", "report"):
        runs = [one.run for one in order if one.purpose == purpose]
        each = runs[0].batch_size * runs[0].model.context
        rows = [row for row in plan(asked, {}) if row.purpose == purpose]
        low = sum(row.least_of(row.tokens) for row in rows)
        high = sum(row.most_of(row.tokens) for row in rows)
        slack = each * len(runs)  # the tokens of a cell are no whole number of steps
        assert low - slack <= taken(runs) * each <= high + slack
    known = {run_id(one.run): one for one in order}
    for row in spending(asked, known, results):
        assert row.planned_tokens.least <= row.planned_tokens.most
