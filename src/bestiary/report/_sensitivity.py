"""The exhibit of the hyperparameters: how the loss reacts to each one around the optimum.

Small multiples: a panel for each optimizer and coordinate, a line in it for each cell.
"""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from html import escape
from itertools import pairwise
from typing import NamedTuple

import plotly.graph_objects as go

from bestiary.measures import SensitivityPoint
from bestiary.report import _words as words
from bestiary.report._exhibit import BAND, LOW, Exhibit, Panel, plot, round_ticks
from bestiary.report._identity import Identity, translucent
from bestiary.report._labels import LineName, label_ends
from bestiary.report._subject import Subject
from bestiary.specs import Setting

RATE = "learning_rate"
# A panel shows losses up to this far above the winner's; beyond, differences say only "bad".
CAP = 0.8
DIVERGED, FAILED = "x", "circle-open"
# The lines of a panel's cells go from faint to full.
FAINTEST = 0.5
# In two lines: a small panel is not high.
EXCESS = f"excess loss<br>({words.NATS})"
HEADER = ("optimizer", "size", "ratio", "hyperparameter", "value", "loss", "state", "beside")
OWN = "Selection loss of the tuning runs that differ from the winner (large marker) in one setting"
OWN_NOISE = "a single run is not told from the winner (95%, seed noise of the report runs)"

# Optimizer, size and ratio.
Place = tuple[str, str, float]


def sensitivity(
    subject: Subject, *, what: str = OWN, noise: str = OWN_NOISE, cap: float = CAP
) -> Exhibit:
    """Loss above the winner's against each hyperparameter, the learning rate first.

    Args:
        subject: The study.
        what: Which runs these are, as the caption begins.
        noise: What the grey band says.
        cap: Losses above the winner's up to which panels reach.
    """
    numeric = [point for point in subject.around if is_number(point.value)]
    names = sorted(dict.fromkeys(point.coordinate for point in numeric), key=lambda n: n != RATE)
    band = (
        f"Inside the grey band {noise}."
        if subject.indistinct
        else "No noise band: no optimizer ran two seeds."
    )
    return Exhibit(
        key="sensitivity",
        title="Sensitivity to the hyperparameters",
        caption=(
            f"{what}, in excess of the winner's own. One panel for each optimizer, one line for "
            "each cell, the fuller the larger; panels of one hyperparameter share their scale, and "
            "lines that leave it go on. Small hollow markers, on no line: the best run at a value "
            "that was tried only beside other settings. A hollow winner lies on the edge of all "
            "that was tried: a better one may lie beyond. A cross at the top diverged, a ring did "
            f"not finish; the dotted line spans the gap in which divergence begins. {band}"
        ),
        panels=tuple(panel for name in names for panel in _panels(subject, numeric, name, cap)),
        header=HEADER,
        rows=tuple(_cells(point) for point in subject.around),
        small=True,
    )


def is_number(value: object) -> bool:
    """Whether a setting has a place on an axis."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def _cells(point: SensitivityPoint) -> tuple[str, ...]:
    """The row of a point in the table."""
    value = f"{point.value:.4g}" if isinstance(point.value, float) else str(point.value)
    loss = words.NOTHING if point.loss is None else f"{point.loss:.4f}"
    mark = " (winner)" if point.winner else ""
    name = words.coordinate(point.coordinate)
    place = (point.label, point.size, words.ratio(point.ratio), name)
    beside = words.settings(point.differs)
    return (*place, f"{value}{mark}", loss, point.state, beside)


def _panels(
    subject: Subject, numeric: Sequence[SensitivityPoint], coordinate: str, cap: float
) -> Iterable[Panel]:
    """One for each optimizer that varied this coordinate, on one scale."""
    lines = _lines([point for point in numeric if point.coordinate == coordinate])
    bands = [subject.indistinct.get(size, 0.0) for _, size, _ in lines]
    reached = [run.y for runs in lines.values() for run in runs if run.y is not None]
    low, high = min([0.0, *reached]), min(max([*bands, *reached], default=0.0), cap) or 0.01
    margin = 0.08 * (high - low)
    limits = (low - margin, high + 2 * margin)
    edges = {
        (row.optimizer, row.size, row.ratio): row.configuration.get(coordinate)
        for row in subject.rows
        if coordinate in row.unbracketed
    }
    for look in subject.looks.values():
        own = {place: runs for place, runs in lines.items() if place[0] == look.name}
        if own:
            band = max(subject.indistinct.get(size, 0.0) for _, size, _ in own)
            title = f"{look.label}: {words.coordinate(coordinate)}"
            yield Panel(title, _plot(own, look, coordinate, limits, band, edges))


class _Run(NamedTuple):
    """A run in its panel; `y` is its loss above the winner's."""

    point: SensitivityPoint
    x: float
    y: float | None


def _lines(points: Sequence[SensitivityPoint]) -> dict[Place, list[_Run]]:
    """The runs of every optimizer at every cell in order of value."""
    lines: dict[Place, list[SensitivityPoint]] = {}
    for point in sorted(points, key=_value):
        lines.setdefault((point.optimizer, point.size, point.ratio), []).append(point)
    order = {(point.size, point.ratio): None for point in points}
    cells = {cell: place for place, cell in enumerate(order)}
    return {
        place: [
            _Run(point, _value(point), excess)
            for point, excess in zip(lines[place], _excess(lines[place]), strict=True)
        ]
        for place in sorted(lines, key=lambda place: (place[0], cells[place[1:]]))
    }


def _plot(
    lines: Mapping[Place, Sequence[_Run]],
    look: Identity,
    coordinate: str,
    limits: tuple[float, float],
    band: float,
    edges: Mapping[Place, Setting | None],
) -> go.Figure:
    """One optimizer's panel."""
    traces, labels = [], []
    runs = [run for own in lines.values() for run in own]
    for place, (key, own) in enumerate(lines.items()):
        full = 1.0 if len(lines) == 1 else FAINTEST + (1 - FAINTEST) * place / (len(lines) - 1)
        colour = translucent(look.colour, round(full, 2))
        traces += _traces(own, look, colour, _top(limits), edge=edges.get(key))
        ends = [run.y for run in own if run.y is not None and not run.point.differs]
        if ends and len(lines) > 1:
            text = f"{key[1]} {words.ratio(key[2])}"
            labels.append(LineName(text, look.colour, min(ends[-1], _top(limits)), look.name))
    title = words.coordinate(coordinate)
    y = {"title": EXCESS, "range": list(limits), "nticks": 5}
    figure = plot(traces, x=_axis(title, [run.x for run in runs]), y=y, height=LOW)
    if band:
        figure.add_hrect(y0=-band, y1=band, fillcolor=BAND, line_width=0, layer="below")
    return label_ends(figure, labels, size=9)


def _top(limits: tuple[float, float]) -> float:
    """Where what was lost is shown, a little below the edge of the panel."""
    return limits[1] - 0.08 * (limits[1] - limits[0]) / 1.24


def _traces(
    runs: Sequence[_Run], look: Identity, colour: str, top: float, *, edge: Setting | None
) -> list[go.Scatter]:
    """One cell: its line around the winner, runs beside it, and what was lost at the top.

    A winner is hollow where its value is the one on the edge of what was tried.
    """
    beside = [run for run in runs if run.point.differs]
    around = [run for run in runs if not run.point.differs]
    symbols = [
        look.symbol + ("-open" if run.point.winner and run.point.value == edge else "")
        for run in around
        if run.y is not None
    ]
    line = _finished(around, look, colour, symbols)
    line |= {"mode": "lines+markers", "line": {**look.stroke(1.5), "color": colour}}
    traces = [*_edges(around, look, top), go.Scatter(line)]
    if any(run.y is not None for run in beside):
        traces.append(go.Scatter(_finished(beside, look, colour, f"{look.symbol}-open")))
    return [*traces, _lost(runs, look, colour, top)]


def _value(point: SensitivityPoint) -> float:
    return float(point.value)


def _excess(own: Sequence[SensitivityPoint]) -> list[float | None]:
    """Loss above the winner's; above the lowest where the winner has none."""
    losses = [point.loss for point in own if point.loss is not None]
    winners = [point.loss for point in own if point.winner and point.loss is not None]
    zero = min(winners or losses, default=0.0)
    return [None if point.loss is None else point.loss - zero for point in own]


def _is_logarithmic(values: Collection[float]) -> bool:
    """Over more than a factor of 3, as grids of positive values are."""
    return min(values) > 0 and max(values) > 3 * min(values)


def _axis(title: str, values: Collection[float]) -> dict[str, object]:
    """Round ticks within what was tried."""
    low, high = min(values), max(values)
    if not _is_logarithmic(values):
        return {"title": title, "nticks": 5}
    low, high = low / 1.25, high * 1.25
    ticks = round_ticks(low, high, most=3)
    return {
        "title": title,
        "type": "log",
        "tickangle": 0,
        "range": [math.log10(low), math.log10(high)],
        "tickvals": ticks,
        "ticktext": [f"{tick:.4g}" for tick in ticks],
    }


def _finished(
    runs: Sequence[_Run], look: Identity, colour: str, symbol: object
) -> dict[str, object]:
    """The runs that have a loss, as markers."""
    known = [run for run in runs if run.y is not None]
    return {
        "x": [run.x for run in known],
        "y": [run.y for run in known],
        "customdata": [_value(run.point) for run in known],
        "mode": "markers",
        "marker": {
            "color": colour,
            "symbol": symbol,
            "size": [11 if run.point.winner else 6 for run in known],
            "opacity": 1,
            "line": {"width": 0},
        },
        "text": [_told(run.point) for run in known],
        "hovertemplate": (
            f"{escape(look.label)} at %{{customdata:.4g}}, %{{text}} (%{{y:+.4f}})<extra></extra>"
        ),
        "meta": look.name,
    }


def _told(point: SensitivityPoint) -> str:
    """The cell and the loss of a run, and what else sets it apart from the winner."""
    outcome = point.state if point.loss is None else f"loss {point.loss:.4f}"
    beside = f", {words.settings(point.differs)}" if point.differs else ""
    return escape(f"{words.cell(point.size, point.ratio)}: {outcome}{beside}")


def _lost(runs: Sequence[_Run], look: Identity, colour: str, height: float) -> go.Scatter:
    """Runs without a loss, at the top: a cross where they diverged, a ring where they failed."""
    lost = [run for run in runs if run.y is None]
    symbols = [DIVERGED if run.point.state == "diverged" else FAILED for run in lost]
    return go.Scatter(
        x=[run.x for run in lost],
        y=[height] * len(lost),
        customdata=[_value(run.point) for run in lost],
        mode="markers",
        marker={"color": colour, "symbol": symbols, "size": 8},
        text=[_told(run.point) for run in lost],
        hovertemplate=f"{escape(look.label)} at %{{customdata:.4g}}, %{{text}}<extra></extra>",
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
