"""The exhibit of the hyperparameters: how the loss reacts to each one around the optimum."""

import math
from collections.abc import Collection, Sequence
from html import escape

import plotly.graph_objects as go

from bestiary.analysis import Analysis, SensitivityPoint
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, dodged, plot
from bestiary.report._identity import Identity, identities, translucent
from bestiary.report._noise import BAND, half_width, own_noise

RATE = "learning_rate"
# A panel shows losses up to this far above the winner's; beyond, differences say only "bad".
CAP = 0.8
DIVERGED, FAILED = "x", "circle-open"
HEADER = ("optimizer", "size", "ratio", "coordinate", "value", "selection loss", "state")


def sensitivity(analysis: Analysis) -> Exhibit:
    """Selection loss above the winner's against each tuned coordinate, the rate first."""
    looks = identities(analysis)
    numeric = [point for point in analysis.sensitivity if is_number(point.value)]
    keys = dict.fromkeys((point.coordinate, point.size, point.ratio) for point in numeric)
    names = list(dict.fromkeys(key[0] for key in keys))
    sizes = {row.size: place for place, row in enumerate(analysis.rows)}
    panels = []
    for coordinate, size, ratio in sorted(
        keys, key=lambda key: (key[0] != RATE, names.index(key[0]), sizes.get(key[1], 0), key[2])
    ):
        points = [
            p for p in numeric if (p.coordinate, p.size, p.ratio) == (coordinate, size, ratio)
        ]
        title = f"{coordinate} · size {size} at {words.ratio(ratio)}"
        band = half_width(own_noise(analysis, size), 1)
        edge = {
            row.optimizer
            for row in analysis.rows
            if (row.size, row.ratio) == (size, ratio) and coordinate in row.unbracketed
        }
        panels.append(Panel(title, panel(points, looks, coordinate, band=band, edge=edge)))
    measured = own_noise(analysis, analysis.rows[0].size) if analysis.rows else None
    return Exhibit(
        key="sensitivity",
        title="Sensitivity to the hyperparameters",
        caption=(
            "Selection loss of the tuning runs that differ from the winner (large marker) in one "
            "coordinate, in excess of the winner's own; values that were tried only beside other "
            "settings are not shown. A hollow winner lies on the edge of all that was tried: a "
            "better value may lie beyond. A cross at the top diverged; the dotted line spans the "
            "gap in which divergence begins. On logarithmic axes optimizers at the same value "
            "stand side by side. "
            + (
                "Inside the grey band a single run is not told from the winner (95%, seed noise "
                "of the report runs)."
                if measured
                else "No noise band: no optimizer ran two seeds."
            )
        ),
        panels=tuple(panels),
        header=HEADER,
        rows=tuple(point_cells(point) for point in analysis.sensitivity),
    )


def is_number(value: object) -> bool:
    """Whether a setting has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def point_cells(point: SensitivityPoint) -> tuple[str, ...]:
    """The row of a point in the table."""
    value = f"{point.value:.4g}" if isinstance(point.value, float) else str(point.value)
    loss = words.NOTHING if point.loss is None else f"{point.loss:.4f}"
    mark = " (winner)" if point.winner else ""
    place = (point.label, point.size, words.ratio(point.ratio), point.coordinate)
    return (*place, f"{value}{mark}", loss, point.state)


def panel(
    points: Sequence[SensitivityPoint],
    looks: dict[str, Identity],
    coordinate: str,
    *,
    band: float,
    cap: float = CAP,
    edge: Collection[str] = (),
) -> go.Figure:
    """The reaction of every optimizer to one coordinate at one cell.

    Args:
        points: Those of this coordinate and cell, with numbers as values.
        looks: Of the optimizers.
        coordinate: The title of the axis.
        band: Losses above the winner's that seed noise explains; 0 where that is unknown.
        cap: Losses above the winner's up to which the panel reaches.
        edge: Optimizers whose winner lies on the edge of what was tried.
    """
    lines = {
        name: sorted((p for p in points if p.optimizer == name), key=_value)
        for name in looks
        if any(p.optimizer == name for p in points)
    }
    excess = [e for own in lines.values() for e in _excess(own) if e is not None]
    high = min(max([band, *excess], default=0.0), cap) or 0.01
    margin = 0.08 * (high - min([0.0, *excess]))
    logarithmic = _is_logarithmic(points)
    traces = []
    for place, (name, own) in enumerate(lines.items()):
        # Winners often share a value: side by side, as far as a logarithmic axis lets them.
        x = [dodged(_value(p), place, len(lines)) if logarithmic else _value(p) for p in own]
        traces += [
            *_edges(own, x, looks[name], high + margin),
            _line(own, x, looks[name], "-open" if name in edge else ""),
            _lost(own, x, looks[name], high + margin),
        ]
    bounds = [min([0.0, *excess]) - margin, high + 2 * margin]
    y = {"title": "excess loss (nats/token)", "range": bounds}
    figure = plot(traces, x=_axis(coordinate, points), y=y)
    if band:
        figure.add_hrect(y0=-band, y1=band, fillcolor=BAND, line_width=0, layer="below")
    return figure


def _value(point: SensitivityPoint) -> float:
    return float(point.value)


def _excess(own: Sequence[SensitivityPoint]) -> list[float | None]:
    """Loss above the winner's; above the lowest where the winner has none."""
    losses = [point.loss for point in own if point.loss is not None]
    winners = [point.loss for point in own if point.winner and point.loss is not None]
    zero = min(winners or losses, default=0.0)
    return [None if point.loss is None else point.loss - zero for point in own]


def _is_logarithmic(points: Sequence[SensitivityPoint]) -> bool:
    """Over more than a factor of 3, as grids of positive values are."""
    values = [_value(point) for point in points]
    return min(values) > 0 and max(values) > 3 * min(values)


def _axis(coordinate: str, points: Sequence[SensitivityPoint]) -> dict[str, object]:
    """Ticks at the values, as many as stand apart."""
    values = sorted({_value(point) for point in points})
    axis: dict[str, object] = {"title": coordinate}
    logarithmic = _is_logarithmic(points)
    places = [math.log10(value) for value in values] if logarithmic else values
    apart = 0.13 * (places[-1] - places[0])
    kept: list[float] = []
    for place in places:
        if not kept or place - kept[-1] >= apart:
            kept.append(place)
    ticks = [10**place if logarithmic else place for place in kept]
    axis |= {"tickvals": ticks, "ticktext": [f"{tick:.4g}" for tick in ticks]}
    return axis | ({"type": "log"} if logarithmic else {})


def _line(
    own: Sequence[SensitivityPoint], x: Sequence[float], look: Identity, winner: str
) -> go.Scatter:
    """The finished runs; `winner` is added to the symbol of the winner's marker."""
    triples = zip(own, x, _excess(own), strict=True)
    known = [(point, at, excess) for point, at, excess in triples if excess is not None]
    return go.Scatter(
        x=[at for _, at, _ in known],
        y=[excess for _, _, excess in known],
        customdata=[_value(point) for point, _, _ in known],
        mode="lines+markers",
        line=look.stroke(1.5),
        marker={
            "color": look.colour,
            "symbol": [look.symbol + winner * point.winner for point, _, _ in known],
            "size": [12 if point.winner else 6 for point, _, _ in known],
            "opacity": 1,
        },
        text=[f"{point.loss:.4f}" for point, _, _ in known],
        hovertemplate=(
            f"{escape(look.label)} at %{{customdata:.4g}}: %{{text}} (%{{y:+.4f}})<extra></extra>"
        ),
        meta=look.name,
    )


def _lost(
    own: Sequence[SensitivityPoint], x: Sequence[float], look: Identity, height: float
) -> go.Scatter:
    """Runs without a loss, at the top: a cross where they diverged, a ring where they failed."""
    lost = [(point, at) for point, at in zip(own, x, strict=True) if point.loss is None]
    symbols = [DIVERGED if point.state == "diverged" else FAILED for point, _ in lost]
    return go.Scatter(
        x=[at for _, at in lost],
        y=[height] * len(lost),
        customdata=[_value(point) for point, _ in lost],
        mode="markers",
        marker={"color": look.colour, "symbol": symbols, "size": 8},
        text=[point.state for point, _ in lost],
        hovertemplate=f"{escape(look.label)} at %{{customdata:.4g}}: %{{text}}<extra></extra>",
        meta=look.name,
    )


def _edges(
    own: Sequence[SensitivityPoint], x: Sequence[float], look: Identity, height: float
) -> list[go.Scatter]:
    """From each finished run to a diverged neighbour: divergence begins in between."""
    traces = []
    losses = _excess(own)
    neighbours = [pair for at in range(len(own) - 1) for pair in ((at, at + 1), (at + 1, at))]
    for inner, outer in neighbours:
        loss = losses[inner]
        if loss is not None and own[outer].state == "diverged":
            traces.append(
                go.Scatter(
                    x=[x[inner], x[outer]],
                    y=[min(loss, height), height],
                    customdata=[_value(own[inner]), _value(own[outer])],
                    mode="lines",
                    line={"color": translucent(look.colour, 0.7), "width": 1.2, "dash": "dot"},
                    hoverinfo="skip",
                    meta=look.name,
                )
            )
    return traces
