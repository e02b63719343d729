"""A reproduction on a terminal: recomputed beside published numbers, then every verdict."""

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import groupby
from typing import Any

from bestiary.answers.reproduce import (
    CellWinner,
    ClaimCheck,
    PublishedCurve,
    Reproduction,
    SpeedupRow,
)
from bestiary.cli._listing import show
from bestiary.cli._telling import tell
from bestiary.measures.published import Infeasible
from bestiary.specs import DATA_RATIO, NATS

Rows = list[dict[str, Any]]
CURVES = {
    "version": "losses",
    "size": "size",
    "ratios": "ratios",
    "a": "a",
    "exponent": "B",
    "b": "b",
    "published": "published a, B, b",
}
CHANGED = {
    "size": "size",
    "ratio": "ratio",
    "optimizer": "optimizer",
    "printed": "printed",
    "released": "released",
    "change": "change",
}
AGAINST_SIZE = {
    "optimizer": "at 8x",
    "size": "size",
    "printed": "printed losses",
    "published": "paper",
    "with_16x": "with AdamW's 16x",
    "released": "released losses",
    "published_released": "released figure",
}
WINNERS = {
    "size": "size",
    "ratio": "ratio",
    "printed": "printed: lowest, next",
    "ahead": "by",
    "sure": "sure",
    "released": "released: lowest, next",
    "also_ahead": "by",
    "also_sure": "sure",
}
INFEASIBLE = {
    "optimizer": "optimizer",
    "coordinate": "of",
    "predicted": "predicted at 1x to 8x",
    "executed": "run instead",
    "why": "why it cannot be run",
}


def tell_reproduction(found: Reproduction) -> None:
    """Print everything; the verdicts and what limits them come last."""
    tell(
        f"Largest difference to the published speedups: {found.largest_difference:.5f} "
        "(printed losses, 1x to 8x).",
        f"Intervals: {found.draws} draws with noise of {found.noise:.2g} nats between seeds; the "
        f"study's own ablations scatter by {found.measured_noise:.2g}.",
    )
    title = f"AdamW's curves: loss = a D^-B + b in {NATS}, D the {DATA_RATIO}"
    _table(title, _curves(found.curves), CURVES)
    _table("Cells whose loss was changed after the paper", _changed(found), CHANGED)
    _table("Speedup against the size of the model", _against_size(found), AGAINST_SIZE)
    _tell_speedups(found.speedups)
    _table("Winners", _winners(found.winners), WINNERS)
    _table("Hyperparameters predicted for 1.2b", _infeasible(found.infeasible), INFEASIBLE)
    for check in found.claims:
        _tell_claim(check)
    counted = Counter(check.verdict.judgement for check in found.claims)
    shown = ", ".join(f"{word}: {count}" for word, count in counted.items())
    tell(f"Of {len(found.claims)} claims, by the printed losses: {shown}.", *found.notes)


def _table(title: str, rows: Rows, columns: dict[str, str]) -> None:
    tell(title)  # not the table's own title, which is wrapped to the table's width
    show(rows, columns, as_json=False)


def _curves(found: Iterable[PublishedCurve]) -> Rows:
    return [
        {
            "version": row.version,
            "size": row.size,
            "ratios": row.ratios,
            "a": row.a.text(".4f"),
            "exponent": row.exponent.text(".3f"),
            "b": row.b.text(".3f"),
            "published": row.published and ", ".join(f"{value:.4f}" for value in row.published),
        }
        for row in found
    ]


def _changed(found: Reproduction) -> Rows:
    return [
        {
            "size": row.size,
            "ratio": f"{row.ratio:g}x",
            "optimizer": row.optimizer,
            "printed": f"{row.printed:.4f}",
            "released": f"{row.released:.4f}",
            "change": f"{row.released - row.printed:+.4f}",
        }
        for row in found.changed
    ]


def _against_size(found: Reproduction) -> Rows:
    return [
        {
            "optimizer": row.optimizer,
            "size": row.size,
            **{name: getattr(row, name).times() for name in ("printed", "with_16x", "released")},
            "published": row.published and f"{row.published:.3f}",
            "published_released": row.published_released and f"{row.published_released:.3f}",
        }
        for row in found.against_size
    ]


def _tell_speedups(found: Sequence[SpeedupRow]) -> None:
    """Every speedup: two tables that the paper has too, and what the released losses change."""
    printed = {
        ratios: [row for row in found if (row.version, row.ratios) == ("printed", ratios)]
        for ratios in ("1-8", "1-16")
    }
    before = {(row.optimizer, row.size, row.ratio): row.speedup for row in printed["1-8"]}
    released = [
        row
        for row in found
        if (row.version, row.ratios) == ("released", "1-8")
        and before.get((row.optimizer, row.size, row.ratio)) != row.speedup
    ]
    told = "in brackets as published; * reads AdamW's curve beyond its data"
    _grid(f"Every speedup, printed losses, AdamW's curve through 1x to 8x; {told}", printed["1-8"])
    _grid(f"The same with AdamW's 16x in its curve; {told}", printed["1-16"])
    _grid("Speedups that the released losses change or add, 1x to 8x", released)


def _grid(title: str, found: Iterable[SpeedupRow]) -> None:
    """One line an optimizer and size, one column a ratio."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for row in found:
        line = rows.setdefault(
            (row.size, row.optimizer), {"size": row.size, "optimizer": row.optimizer}
        )
        value = row.speedup.value
        text = "-" if value is None else f"{value:.3f}{'*' if row.speedup.extrapolated else ''}"
        published = "" if row.published is None else f" ({row.published:.2f})"
        line[f"{row.ratio:g}x"] = f"{text}{published}"
    ratios = sorted({name for line in rows.values() for name in line if name[0].isdigit()}, key=_x)
    names = {name: name for name in ("size", "optimizer", *ratios)}
    _table(title, list(rows.values()), names)


def _x(ratio: str) -> float:
    return float(ratio.removesuffix("x"))


def _winners(found: Sequence[CellWinner]) -> Rows:
    released = {(row.size, row.ratio): row for row in found if row.version == "released"}
    rows = []
    for row in (row for row in found if row.version == "printed"):
        other = released[row.size, row.ratio]
        rows.append(
            {
                "size": row.size,
                "ratio": f"{row.ratio:g}x",
                "printed": f"{row.winner}, {row.runner_up}",
                "ahead": f"{row.margin:.4f}",
                "sure": f"{row.sure:.0%}",
                "released": f"{other.winner}, {other.runner_up}",
                "also_ahead": f"{other.margin:.4f}",
                "also_sure": f"{other.sure:.0%}",
            }
        )
    return rows


def _infeasible(found: Iterable[Infeasible]) -> Rows:
    """One line an optimizer and hyperparameter."""
    ordered = sorted(found, key=lambda row: (row.optimizer, row.coordinate, row.ratio))
    rows = []
    for (optimizer, coordinate), group in groupby(
        ordered, key=lambda row: (row.optimizer, row.coordinate)
    ):
        several = list(group)
        executed = sorted({row.executed for row in several if row.executed is not None})
        rows.append(
            {
                "optimizer": optimizer,
                "coordinate": coordinate,
                "predicted": ", ".join(f"{row.predicted:.4g}" for row in several),
                "executed": ", ".join(f"{value:g}" for value in executed) or None,
                "why": several[0].why,
            }
        )
    return rows


def _tell_claim(check: ClaimCheck) -> None:
    verdict = check.verdict
    otherwise = f" ({check.otherwise})" if check.otherwise else ""
    tell(
        f"{verdict.claim} {verdict.judgement}{otherwise}: {verdict.statement} ({verdict.where}).",
        f"    {verdict.evidence}",
        "",
    )
