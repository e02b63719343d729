"""What runs took to reach a loss, as a table for people or as JSON for programs."""

from typing import TYPE_CHECKING, Any

import msgspec

from bestiary.cli._listing import print_json, show
from bestiary.cli._telling import tell
from bestiary.specs import Estimate, duration, quantity

if TYPE_CHECKING:  # it computes, and a command that only parses its flags must not
    from bestiary.answers.report import TargetAnalysis, TargetRow


def tell_target(analysis: "TargetAnalysis", *, as_json: bool) -> None:
    """Print the analysis: its answer, its table, its noise and its notes."""
    if as_json:
        print_json(msgspec.to_builtins(analysis))
        return
    tell(f"Results: {analysis.source}", *analysis.answer)
    columns = {
        "size": "size",
        "optimizer": "optimizer",
        "reached": "got there",
        "amount": analysis.goal,
        "speedup": f"speedup in {analysis.counted}",
        "verdict": f"{analysis.counted} than {analysis.baseline}",
    }
    show([_shown(analysis, row) for row in analysis.rows], columns, as_json=False)
    tell(*analysis.noise, *analysis.notes)


def _shown(analysis: "TargetAnalysis", row: "TargetRow") -> dict[str, Any]:
    from bestiary.answers.report import bounded_factor

    baseline = row.verdict == "baseline"
    return {
        "size": row.size,
        "optimizer": row.optimizer,
        "reached": f"{row.reached} of {row.runs}",
        "amount": _amount(row.amount, analysis.counted),
        "speedup": "baseline" if baseline else bounded_factor(row.speedup),
        "verdict": "" if baseline else row.verdict,
    }


def _amount(amount: Estimate, counted: str) -> str:
    """`3,800 [3,710, 3,890]`, seconds as people say them, or `at least` that."""
    told = duration if counted == "seconds" else _count
    if amount.value is None:
        return "-" if amount.low is None else f"at least {told(amount.low)}"
    if amount.low is None or amount.high is None:
        return told(amount.value)
    return f"{told(amount.value)} [{told(amount.low)}, {told(amount.high)}]"


def _count(value: float) -> str:
    return f"{round(value):,}" if value < 100_000 else quantity(value)
