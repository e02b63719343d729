"""Planned against spent, as rows of a table: by phase, by optimizer and phase, and in all."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from bestiary.answers.report import Analysis
from bestiary.report import _words as words
from bestiary.report._identity import Identity
from bestiary.specs import PURPOSES, Purpose
from bestiary.tune import Bounds, Spending

HOUR = 3600.0


class SpendingRow(NamedTuple):
    """A row: whose, for what, and each quantity as planned and as spent."""

    who: str
    purpose: str
    quantities: tuple[tuple[str, str], ...]


class SpendingTable(NamedTuple):
    """What the page shows of a study's spending.

    Attributes:
        headings: What is counted, each as planned and as spent.
        phases: A row for every phase, then one for all.
        each: A row for every optimizer in every phase.
    """

    headings: tuple[str, ...]
    phases: tuple[SpendingRow, ...]
    each: tuple[SpendingRow, ...]


def spending_table(analysis: Analysis, looks: Mapping[str, Identity]) -> SpendingTable | None:
    """The table; None where nothing was planned, as of imported results."""
    rows = analysis.spending
    if not rows:
        return None
    found = list(dict.fromkeys(row.purpose for row in rows))
    purposes: list[Purpose] = sorted(found, key=list(PURPOSES).index)
    phases = [
        _row("all", PURPOSES[one], [row for row in rows if row.purpose == one], analysis.price)
        for one in purposes
    ]
    each = [
        _row(looks[row.optimizer].label, PURPOSES[row.purpose], [row], analysis.price)
        for row in sorted(rows, key=lambda row: purposes.index(row.purpose))
    ]
    headings = ("runs", "tokens", "device-hours", *("cost",) * bool(analysis.price))
    whole = _row("all", "in all", rows, analysis.price)
    return SpendingTable(headings, (*phases, whole), tuple(each))


def _row(who: str, purpose: str, rows: Sequence[Spending], price: float) -> SpendingRow:
    runs = _sum(row.planned_runs for row in rows)
    tokens = _sum(row.planned_tokens for row in rows)
    seconds = [row.planned_seconds for row in rows if row.planned_seconds is not None]
    hours = _sum(seconds) if seconds else None
    spent = sum(row.seconds for row in rows) / HOUR
    quantities = [
        (_between(runs), f"{sum(row.runs for row in rows):,}"),
        (_between(tokens), words.quantity(sum(row.tokens for row in rows))),
        (_between(hours, 1 / HOUR), f"{spent:,.3g}"),
    ]
    if price:
        quantities.append((_between(hours, price / HOUR), f"{spent * price:,.3g}"))
    return SpendingRow(who, purpose, tuple(quantities))


def _sum(bounds: Iterable[Bounds]) -> Bounds:
    total = Bounds()
    for one in bounds:
        total = total.plus(one.least, one.most)
    return total


def _between(bounds: Bounds | None, unit: float = 1.0) -> str:
    """Both bounds in a unit: `12 to 40`."""
    if bounds is None:
        return words.NOTHING
    both = [_shown(value * unit) for value in (bounds.least, bounds.most)]
    return " to ".join(dict.fromkeys(both))


def _shown(value: float) -> str:
    return (
        words.quantity(value)
        if value >= 1e4
        else f"{value:,.3g}"
        if value < 100
        else f"{value:,.0f}"
    )
