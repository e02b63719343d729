"""A sheet puts the panels of an exhibit on one page with a legend, as a paper prints them."""

import math
from collections.abc import Mapping, Sequence
from html import escape

import plotly.graph_objects as go

from bestiary.report._exhibit import Exhibit, Panel
from bestiary.report._identity import Identity

# All in CSS pixels, 96 an inch: two columns are as wide as the text of a letter page.
WIDE, HIGH = 245, 185
LEFT, BELOW, TOP, LEGEND = 64, 50, 24, 20
COLUMNS, MOST = 3, 12
INK, LINE, GRID = "#1d2026", "#9aa0a8", "#e6e6e6"
FONT = "Helvetica, Arial, sans-serif"
# What of a panel's axis a sheet takes over; the rest is about the frame of the page.
AXIS = ("type", "range", "tickvals", "ticktext", "dtick", "ticksuffix", "rangemode")


def sheets(exhibit: Exhibit, looks: Mapping[str, Identity]) -> list[go.Figure]:
    """The exhibit as figures of at most `MOST` panels, with fixed width and height."""
    panels = exhibit.panels
    parts = [panels[at : at + MOST] for at in range(0, len(panels), MOST)]
    return [_sheet(part, looks) for part in parts]


def _sheet(panels: Sequence[Panel], looks: Mapping[str, Identity]) -> go.Figure:
    columns = min(COLUMNS, len(panels)) if len(panels) != 4 else 2
    rows = math.ceil(len(panels) / columns)
    width = columns * (LEFT + WIDE) + 14
    shown = {trace.meta for panel in panels for trace in panel.figure.data if _drawn(trace)}
    keys = [look for name, look in looks.items() if name in shown]
    # A legend that is wider than the sheet goes on in further lines.
    lines = math.ceil(sum(60 + 7 * len(look.label) for look in keys) / width)
    height = rows * (TOP + HIGH + BELOW) + 8 + LEGEND * lines
    figure = go.Figure(
        layout=go.Layout(
            template=go.layout.Template(),
            width=width,
            height=height,
            margin={"l": 0, "r": 0, "t": 0, "b": 0},
            font={"family": FONT, "size": 11, "color": INK},
            paper_bgcolor="white",
            plot_bgcolor="white",
            showlegend=True,
            legend={"orientation": "h", "x": 0.5, "xanchor": "center", "y": 0, "yanchor": "bottom"},
        )
    )
    for place, panel in enumerate(panels):
        left = (place % columns) * (LEFT + WIDE) + LEFT
        top = height - (place // columns) * (TOP + HIGH + BELOW) - TOP
        frame = (left / width, (left + WIDE) / width, (top - HIGH) / height, top / height)
        _place(figure, panel, "" if not place else str(place + 1), frame)
        _say_once(figure, place, columns)
    figure.add_traces([_key(look) for look in keys])
    for place, trace in enumerate(figure.data):
        # Otherwise plotly draws lots for names that end up in the file.
        trace.uid = str(place)
    return figure


def _drawn(trace: go.Scatter) -> bool:
    return trace.x is not None and len(trace.x) > 0


def _place(
    figure: go.Figure, panel: Panel, number: str, frame: tuple[float, float, float, float]
) -> None:
    """Draw a panel into its frame, given as shares of the sheet."""
    left, right, bottom, top = frame
    source = panel.figure.layout
    x, y = f"x{number}", f"y{number}"
    figure.layout[f"xaxis{number}"] = _axis(source.xaxis, (left, right), y)
    figure.layout[f"yaxis{number}"] = _axis(source.yaxis, (bottom, top), x)
    for trace in panel.figure.data:
        if _drawn(trace):
            moved = trace.to_plotly_json() | {"xaxis": x, "yaxis": y, "showlegend": False}
            figure.add_trace(moved)
    for shape in source.shapes:
        moved = shape.to_plotly_json()
        moved["xref"] = moved["xref"].replace("x", x, 1)
        moved["yref"] = moved["yref"].replace("y", y, 1)
        figure.add_shape(moved)
    figure.add_annotation(
        text=f"<b>{escape(panel.title)}</b>",
        xref="paper",
        yref="paper",
        x=left,
        y=top,
        xanchor="left",
        yanchor="bottom",
        showarrow=False,
        font={"size": 11},
    )


def _say_once(figure: go.Figure, place: int, columns: int) -> None:
    """Leave out the title of a vertical axis that the row's first panel has too."""
    if place % columns:
        start = place - place % columns
        first = figure.layout["yaxis" if start == 0 else f"yaxis{start + 1}"]
        own = figure.layout[f"yaxis{place + 1}"]
        if own.title.text == first.title.text:
            own.title.text = None


def _axis(source: go.layout.XAxis, domain: tuple[float, float], anchor: str) -> dict[str, object]:
    kept = {key: source[key] for key in AXIS if source[key] is not None}
    return kept | {
        "domain": [max(0.0, domain[0]), min(1.0, domain[1])],
        "anchor": anchor,
        "title": {"text": source.title.text, "standoff": 6, "font": {"size": 11}},
        "zeroline": False,
        "showline": True,
        "mirror": True,
        "linecolor": LINE,
        "gridcolor": GRID,
        "tickfont": {"size": 10},
    }


def _key(look: Identity) -> go.Scatter:
    """An entry of the legend."""
    return go.Scatter(
        x=[None],
        y=[None],
        mode="lines+markers",
        name=escape(look.label),
        line={"color": look.colour, "width": 1.5},
        marker={"color": look.colour, "symbol": look.symbol, "size": 9},
    )
