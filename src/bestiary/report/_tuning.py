"""The exhibit of the tuning: the best loss after so many runs, and what they cost."""

from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from bestiary.answers.report import Analysis
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, loss_range, plot
from bestiary.report._identity import Identity, identities
from bestiary.report._labels import label_ends, named
from bestiary.tune import TuningEffort


def ledger(analysis: Analysis) -> Exhibit:
    """Best loss after so many tuning runs, one panel a tuned cell, and what tuning cost."""
    looks = identities(analysis.rows)
    cells = dict.fromkeys(c.cell for entry in analysis.effort for c in entry.cells)
    panels = [
        Panel(
            f"size {words.cell(cell.size, cell.ratio)}",
            _plot(
                {
                    looks[entry.optimizer]: one.best_after
                    for entry in analysis.effort
                    for one in entry.cells
                    if one.cell == cell
                },
                words.cell(cell.size, cell.ratio),
            ),
        )
        for cell in cells
    ]
    return Exhibit(
        key="ledger",
        title="Best loss after so many tuning runs",
        caption=(
            "Lowest selection loss after so many runs. A line that still falls at its end says "
            "that more tuning would have helped; compare optimizers at equal effort."
        ),
        panels=tuple(panels),
        header=(
            "optimizer",
            "tuned",
            "runs",
            "diverged",
            "failed",
            "tokens",
            "device time",
            "left on the table, nats",
        ),
        rows=tuple(
            (
                looks[entry.optimizer].label,
                ", ".join(entry.tuned) or words.NOTHING,
                str(entry.runs),
                str(entry.diverged),
                str(entry.failed),
                words.quantity(entry.tokens),
                words.duration(entry.device_seconds),
                _most_left(entry),
            )
            for entry in analysis.effort
        ),
    )


def _most_left(entry: TuningEffort) -> str:
    """What further tuning would still gain, in the cell where that is most."""
    known = [one for one in entry.cells if one.left_on_table.value is not None]
    if not known:
        return words.NOTHING
    most = max(known, key=lambda one: one.left_on_table.value or 0.0)
    return f"{most.left_on_table.text('.4f')} at {words.cell(most.cell.size, most.cell.ratio)}"


def _plot(best: Mapping[Identity, Sequence[float | None]], place: str) -> go.Figure:
    """One cell."""
    traces = [_trace_of_best(own, look, place) for look, own in best.items()]
    known = [loss for own in best.values() for loss in own if loss is not None]
    y = {"title": words.in_nats("selection loss")}
    figure = plot(
        traces,
        x={"title": "tuning runs", "dtick": _step(traces)},
        y=y | ({"range": loss_range(known)} if known else {}),
    )
    labels = [named(look, own[-1]) for look, own in best.items() if own and own[-1] is not None]
    return label_ends(figure, labels)


def _trace_of_best(best: Sequence[float | None], look: Identity, place: str) -> go.Scatter:
    return go.Scatter(
        x=list(range(1, len(best) + 1)),
        y=best,
        mode="lines+markers",
        line=look.stroke(1.5) | {"shape": "hv"},
        marker=look.mark(6),
        hovertemplate=(
            f"{escape(f'{look.label}, {place}')}, after %{{x}} runs: %{{y:.4f}}<extra></extra>"
        ),
        meta=look.name,
    )


def _step(traces: Sequence[go.Scatter]) -> int:
    """Every, every second, fifth or tenth run has a tick, as many as stand apart."""
    longest = max((len(trace.x) for trace in traces), default=1)
    return next((step for step in (1, 2, 5, 10, 20, 50) if longest <= 8 * step), 100)
