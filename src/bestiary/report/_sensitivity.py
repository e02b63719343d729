"""The exhibit of the hyperparameters: how the loss reacts to each one around the optimum."""

import math
from collections.abc import Collection, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

import plotly.graph_objects as go

from bestiary.answers.report import Analysis
from bestiary.evidence import SeedNoise
from bestiary.measures import SensitivityPoint
from bestiary.report import _words as words
from bestiary.report._exhibit import BAND, Exhibit, Panel, dodged, plot
from bestiary.report._identity import Identity, identities, translucent

RATE = "learning_rate"
# A panel shows losses up to this far above the winner's; beyond, differences say only "bad".
CAP = 0.8
DIVERGED, FAILED = "x", "circle-open"
HEADER = ("optimizer", "size", "ratio", "coordinate", "value", "selection loss", "state", "beside")


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
        band = _band(analysis.noise[size])
        edge = {
            row.optimizer
            for row in analysis.rows
            if (row.size, row.ratio) == (size, ratio) and coordinate in row.unbracketed
        }
        panels.append(Panel(title, panel(points, looks, coordinate, band=band, edge=edge)))
    measured = any(noise.measured for noise in analysis.noise.values())
    return Exhibit(
        key="sensitivity",
        title="Sensitivity to the hyperparameters",
        caption=(
            "Selection loss of the tuning runs that differ from the winner (large marker) in one "
            "coordinate, in excess of the winner's own; runs at the same value stand side by side. "
            "Small hollow markers, on no line: the best run at a value that was tried only beside "
            "other settings. A hollow winner lies on the edge of all that was tried: a better one "
            "may lie beyond. A cross at the top diverged; the dotted line spans the gap in which "
            "divergence begins. "
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


def _band(noise: SeedNoise) -> float:
    """How far luck alone may part two runs of one seed; 0 where nobody measured that."""
    return noise.half_width(noise.paired) if noise.measured else 0.0


def is_number(value: object) -> bool:
    """Whether a setting has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def point_cells(point: SensitivityPoint) -> tuple[str, ...]:
    """The row of a point in the table."""
    value = f"{point.value:.4g}" if isinstance(point.value, float) else str(point.value)
    loss = words.NOTHING if point.loss is None else f"{point.loss:.4f}"
    mark = " (winner)" if point.winner else ""
    place = (point.label, point.size, words.ratio(point.ratio), point.coordinate)
    beside = words.settings(point.differs)
    return (*place, f"{value}{mark}", loss, point.state, beside)


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
    lines = {name: [p for p in points if p.optimizer == name] for name in looks}
    lines = {name: sorted(own, key=_value) for name, own in lines.items() if own}
    excess = [e for own in lines.values() for e in _excess(own) if e is not None]
    low, high = min([0.0, *excess]), min(max([band, *excess], default=0.0), cap) or 0.01
    margin = 0.08 * (high - low)
    traces = []
    for place, (name, own) in enumerate(lines.items()):
        x = _places(own, points, place, len(lines))
        runs = [_Run(*one) for one in zip(own, x, _excess(own), strict=True)]
        traces += _traces(runs, looks[name], high + margin, on_edge=name in edge)
    y = {"title": "excess loss (nats/token)", "range": [low - margin, high + 2 * margin]}
    figure = plot(traces, x=_axis(coordinate, points), y=y)
    if band:
        figure.add_hrect(y0=-band, y1=band, fillcolor=BAND, line_width=0, layer="below")
    return figure


class _Run(NamedTuple):
    """A run in its panel; `y` is its excess loss."""

    point: SensitivityPoint
    x: float
    y: float | None


def _traces(runs: Sequence[_Run], look: Identity, top: float, *, on_edge: bool) -> list[go.Scatter]:
    """One optimizer: its line around the winner, runs beside it, and what was lost at the top."""
    beside = [run for run in runs if run.point.differs]
    around = [run for run in runs if not run.point.differs]
    winner = look.symbol + ("-open" if on_edge else "")
    symbols = [winner if run.point.winner else look.symbol for run in around if run.y is not None]
    line = _finished(around, look, symbols) | {"mode": "lines+markers", "line": look.stroke(1.5)}
    traces = [*_edges(around, look, top), go.Scatter(line)]
    if any(run.y is not None for run in beside):
        traces.append(go.Scatter(_finished(beside, look, f"{look.symbol}-open")))
    return [*traces, _lost(runs, look, top)]


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


def _places(
    own: Sequence[SensitivityPoint], every: Sequence[SensitivityPoint], place: int, places: int
) -> list[float]:
    """Where the runs of one of several optimizers lie: those at the same value side by side."""
    values = [_value(point) for point in own]
    if _is_logarithmic(every):
        return [dodged(value, place, places) for value in values]
    span = max(map(_value, every)) - min(map(_value, every))
    apart = span * min(0.014, 0.1 / places)
    return [value + apart * (place - (places - 1) / 2) for value in values]


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


def _finished(runs: Sequence[_Run], look: Identity, symbol: object) -> dict[str, object]:
    """The runs that have a loss, as markers."""
    known = [run for run in runs if run.y is not None]
    return {
        "x": [run.x for run in known],
        "y": [run.y for run in known],
        "customdata": [_value(run.point) for run in known],
        "mode": "markers",
        "marker": {
            "color": look.colour,
            "symbol": symbol,
            "size": [12 if run.point.winner else 6 for run in known],
            "opacity": 1,
            "line": {"width": 0},
        },
        "text": [_told(run.point) for run in known],
        "hovertemplate": (
            f"{escape(look.label)} at %{{customdata:.4g}}: %{{text}} (%{{y:+.4f}})<extra></extra>"
        ),
        "meta": look.name,
    }


def _told(point: SensitivityPoint) -> str:
    """The loss of a run, and what else sets it apart from the winner."""
    beside = f", {escape(words.settings(point.differs))}" if point.differs else ""
    return f"{point.loss:.4f}{beside}"


def _lost(runs: Sequence[_Run], look: Identity, height: float) -> go.Scatter:
    """Runs without a loss, at the top: a cross where they diverged, a ring where they failed."""
    lost = [run for run in runs if run.y is None]
    symbols = [DIVERGED if run.point.state == "diverged" else FAILED for run in lost]
    return go.Scatter(
        x=[run.x for run in lost],
        y=[height] * len(lost),
        customdata=[_value(run.point) for run in lost],
        mode="markers",
        marker={"color": look.colour, "symbol": symbols, "size": 8},
        text=[run.point.state for run in lost],
        hovertemplate=f"{escape(look.label)} at %{{customdata:.4g}}: %{{text}}<extra></extra>",
        meta=look.name,
    )


def _edges(runs: Sequence[_Run], look: Identity, height: float) -> list[go.Scatter]:
    """From each finished run to a diverged neighbour: divergence begins in between."""
    neighbours = [pair for a, b in pairwise(runs) for pair in ((a, b), (b, a))]
    return [
        go.Scatter(
            x=[inner.x, outer.x],
            y=[min(inner.y, height), height],
            customdata=[_value(inner.point), _value(outer.point)],
            mode="lines",
            line={"color": translucent(look.colour, 0.7), "width": 1.2, "dash": "dot"},
            hoverinfo="skip",
            meta=look.name,
        )
        for inner, outer in neighbours
        if inner.y is not None and outer.point.state == "diverged"
    ]
