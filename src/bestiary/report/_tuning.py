"""The exhibit of the tuning: the best loss after so many runs, and what they cost."""

from html import escape

import plotly.graph_objects as go

from bestiary.answers.report import Analysis
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, plot
from bestiary.report._identity import Identity, identities


def ledger(analysis: Analysis) -> Exhibit:
    """Best loss after so many tuning runs, one panel a tuned cell, and what tuning cost."""
    looks = identities(analysis)
    cells = dict.fromkeys(c.cell for entry in analysis.effort for c in entry.cells)
    panels = []
    for tuned in cells:
        traces = [
            _trace_of_best(cell.best_after, looks[entry.optimizer])
            for entry in analysis.effort
            for cell in entry.cells
            if cell.cell == tuned
        ]
        x = {"title": "tuning runs", "dtick": _step(traces)}
        figure = plot(traces, x=x, y={"title": "selection loss (nats/token)"})
        panels.append(Panel(f"size {tuned.size} at {words.ratio(tuned.ratio)}", figure))
    return Exhibit(
        key="ledger",
        title="Best loss after so many tuning runs",
        caption=(
            "Lowest selection loss after so many runs. A line that still falls at its end says "
            "that more tuning would have helped; compare optimizers at equal effort."
        ),
        panels=tuple(panels),
        header=("optimizer", "tuned", "runs", "diverged", "failed", "tokens", "device time"),
        rows=tuple(
            (
                looks[entry.optimizer].label,
                ", ".join(entry.tuned) or words.NOTHING,
                str(entry.runs),
                str(entry.diverged),
                str(entry.failed),
                words.quantity(entry.tokens),
                words.duration(entry.device_seconds),
            )
            for entry in analysis.effort
        ),
    )


def _trace_of_best(best: tuple[float | None, ...], look: Identity) -> go.Scatter:
    return go.Scatter(
        x=list(range(1, len(best) + 1)),
        y=best,
        mode="lines+markers",
        line=look.stroke(1.5) | {"shape": "hv"},
        marker=look.mark(6),
        hovertemplate=f"{escape(look.label)} after %{{x}}: %{{y:.4f}}<extra></extra>",
        meta=look.name,
    )


def _step(traces: list[go.Scatter]) -> int:
    longest = max((len(trace.x) for trace in traces), default=1)
    return max(1, longest // 8)
