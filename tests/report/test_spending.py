"""The page says what was planned and what was spent, and what that cost where a price is known."""

import msgspec
import pytest
from tests.report.drawn import made_up_page
from tests.report.made_up import made_up

from bestiary.report import page
from bestiary.report._identity import identities
from bestiary.report._spending import spending_table
from bestiary.tune import Bounds, Spending

PLANNED = Bounds(least=4, most=12)
TOKENS, SECONDS = Bounds(least=4e6, most=1.2e7), Bounds(least=1800.0, most=7200.0)


def spent(optimizer: str, purpose: str, seconds: float) -> Spending:
    return Spending(
        optimizer=optimizer,
        purpose=purpose,  # type: ignore[arg-type]
        planned_runs=PLANNED,
        runs=7,
        planned_tokens=TOKENS,
        tokens=7_000_000,
        planned_seconds=SECONDS,
        seconds=seconds,
    )


ROWS = (
    spent("adamw", "tune", 3600.0),
    spent("adamw", "report", 900.0),
    spent("muon", "tune", 5400.0),
)


@pytest.mark.slow
def test_phases_are_added_up_and_a_price_makes_a_cost() -> None:
    analysis = msgspec.structs.replace(made_up(), spending=ROWS, price=2.0)
    table = spending_table(analysis, identities(analysis.rows))
    assert table is not None
    assert table.headings == ("runs", "tokens", "device-hours", "cost")
    first, report, whole = table.phases
    assert (first.purpose, report.purpose, whole.purpose) == ("phase I", "report", "in all")
    assert first.quantities == (
        ("8 to 24", "14"),
        ("8M to 24M", "14M"),
        ("1 to 4", "2.5"),
        ("2 to 8", "5"),
    )
    assert whole.quantities[0] == ("12 to 36", "21")
    assert [row.who for row in table.each] == ["AdamW", "Muon", "AdamW"]
    shown = page(analysis)
    assert "Planned against spent" in shown
    assert "one costs 2." in shown


def test_without_a_price_nothing_costs_and_without_a_result_no_time_is_planned() -> None:
    rows = tuple(msgspec.structs.replace(row, planned_seconds=None) for row in ROWS)
    analysis = msgspec.structs.replace(made_up(), spending=rows)
    table = spending_table(analysis, identities(analysis.rows))
    assert table is not None
    assert "cost" not in table.headings
    assert table.phases[0].quantities[2] == ("\N{EN DASH}", "2.5")


@pytest.mark.slow
def test_results_that_nobody_planned_have_no_table() -> None:
    assert "Planned against spent" not in made_up_page()
