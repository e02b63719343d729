"""Exhibits of the tuning: how the loss reacts to a hyperparameter, and what tuning cost."""

from html import escape

import plotly.graph_objects as go

from bestiary.analysis import Analysis, SensitivityPoint
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, plot
from bestiary.report._identity import Identity, identities

RATE = "learning_rate"


def sensitivity(analysis: Analysis) -> Exhibit:
    """Selection loss against each tuned coordinate around the winner, the learning rate first."""
    looks = identities(analysis)
    numeric = [point for point in analysis.sensitivity if _is_number(point.value)]
    keys = dict.fromkeys((point.coordinate, point.size, point.ratio) for point in numeric)
    panels = []
    for coordinate, size, ratio in sorted(keys, key=lambda key: key[0] != RATE):
        points = [
            p for p in numeric if (p.coordinate, p.size, p.ratio) == (coordinate, size, ratio)
        ]
        title = f"{coordinate} · size {size} at {words.ratio(ratio)}"
        panels.append(Panel(title, _sensitivity_plot(points, looks, coordinate)))
    return Exhibit(
        key="sensitivity",
        title="Sensitivity to the hyperparameters",
        caption=(
            "Loss of the tuning runs that differ from the winner in one coordinate. The large "
            "marker is the winner; a cross at the top is a run that diverged. A winner at the end "
            "of its line is not bracketed."
        ),
        panels=tuple(panels),
        header=("optimizer", "size", "ratio", "coordinate", "value", "selection loss", "state"),
        rows=tuple(_point_cells(point) for point in analysis.sensitivity),
    )


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _point_cells(point: SensitivityPoint) -> tuple[str, ...]:
    value = f"{point.value:.4g}" if isinstance(point.value, float) else str(point.value)
    loss = words.NOTHING if point.loss is None else f"{point.loss:.4f}"
    mark = " (winner)" if point.winner else ""
    place = (point.label, point.size, words.ratio(point.ratio), point.coordinate)
    return (*place, f"{value}{mark}", loss, point.state)


def _sensitivity_plot(
    points: list[SensitivityPoint], looks: dict[str, Identity], coordinate: str
) -> go.Figure:
    losses = [point.loss for point in points if point.loss is not None]
    low, high = (min(losses), max(losses)) if losses else (0.0, 1.0)
    high = min(high, low + 0.8)
    margin = max(0.08 * (high - low), 0.005)
    traces = []
    for look in looks.values():
        own = sorted((p for p in points if p.optimizer == look.name), key=lambda p: float(p.value))
        traces += [
            _sensitivity_trace([p for p in own if p.loss is not None], look),
            _diverged_trace([p for p in own if p.loss is None], look, high + margin),
        ]
    positive = all(float(point.value) > 0 for point in points)
    values = sorted({float(point.value) for point in points})
    ticks = {"tickvals": values, "ticktext": [f"{v:g}" for v in values]}
    axis = {"title": coordinate, **(ticks | {"type": "log"} if positive else {})}
    bounds = [low - margin, high + 2 * margin]
    return plot(traces, x=axis, y={"title": "selection loss", "range": bounds})


def _sensitivity_trace(points: list[SensitivityPoint], look: Identity) -> go.Scatter:
    return go.Scatter(
        x=[point.value for point in points],
        y=[point.loss for point in points],
        mode="lines+markers",
        line={"color": look.colour, "width": 1.5},
        marker={
            "color": look.colour,
            "symbol": look.symbol,
            "size": [13 if point.winner else 6 for point in points],
            "opacity": 1,
        },
        hovertemplate=f"{escape(look.label)} at %{{x:.4g}}: %{{y:.4f}}<extra></extra>",
        meta=look.name,
    )


def _diverged_trace(points: list[SensitivityPoint], look: Identity, height: float) -> go.Scatter:
    return go.Scatter(
        x=[point.value for point in points],
        y=[height] * len(points),
        mode="markers",
        marker={"color": look.colour, "symbol": "x", "size": 8},
        hovertemplate=f"{escape(look.label)} at %{{x:.4g}}: no loss<extra></extra>",
        meta=look.name,
    )


def ledger(analysis: Analysis) -> Exhibit:
    """Best loss after so many tuning runs, one panel a tuned cell, and what tuning cost."""
    looks = identities(analysis)
    cells = dict.fromkeys((c.size, c.ratio) for entry in analysis.ledger for c in entry.cells)
    panels = []
    for size, ratio in cells:
        traces = [
            _trace_of_best(cell.best_after, looks[entry.optimizer])
            for entry in analysis.ledger
            for cell in entry.cells
            if (cell.size, cell.ratio) == (size, ratio) and entry.optimizer in looks
        ]
        x = {"title": "tuning runs", "dtick": _step(traces)}
        figure = plot(traces, x=x, y={"title": "best selection loss"})
        panels.append(Panel(f"size {size} at {words.ratio(ratio)}", figure))
    return Exhibit(
        key="ledger",
        title="What tuning cost",
        caption=(
            "Lowest selection loss after so many runs. A line that still falls at its end says "
            "that more tuning would have helped; compare optimizers at equal effort."
        ),
        panels=tuple(panels),
        header=("optimizer", "tuned", "runs", "diverged", "failed", "tokens", "device time"),
        rows=tuple(
            (
                entry.label,
                ", ".join(entry.coordinates) or words.NOTHING,
                str(entry.runs),
                str(entry.diverged),
                str(entry.failed),
                words.quantity(entry.tokens),
                words.duration(entry.device_seconds),
            )
            for entry in analysis.ledger
        ),
    )


def _trace_of_best(best: tuple[float | None, ...], look: Identity) -> go.Scatter:
    return go.Scatter(
        x=list(range(1, len(best) + 1)),
        y=best,
        mode="lines+markers",
        line={"color": look.colour, "width": 1.5, "shape": "hv"},
        marker={"color": look.colour, "symbol": look.symbol, "size": 6},
        hovertemplate=f"{escape(look.label)} after %{{x}}: %{{y:.4f}}<extra></extra>",
        meta=look.name,
    )


def _step(traces: list[go.Scatter]) -> int:
    longest = max((len(trace.x) for trace in traces), default=1)
    return max(1, longest // 8)
