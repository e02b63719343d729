"""A sheet puts the panels of an exhibit on one page with a legend, as a paper prints them."""

import math
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from textwrap import wrap
from typing import NamedTuple

import plotly.graph_objects as go

from bestiary.report._exhibit import Exhibit, Panel, drawn, has_points
from bestiary.report._identity import Identity

# All in CSS pixels, 96 an inch. A panel is as wide as a column of a two-column paper, 8.5 cm, so
# that nothing is scaled and letters of 11 pixels are printed at 8 points.
LEFT, RIGHT, BELOW, TOP = 64, 13, 46, 24
# One panel or two of few optimizers stand in one column, more in both.
FEW = 8
# A legend's lines are so high; its letters are so wide, beside a marker with its margins.
LEGEND, LETTER, KEY, LONGEST = 19, 6.8, 52, 38
INK, LINE, GRID = "#1d2026", "#9aa0a8", "#e6e6e6"
FONT = "Helvetica, Arial, Liberation Sans, DejaVu Sans, sans-serif"
# What of a panel's axis a sheet takes over; the rest is about the frame of the page.
AXIS = (
    *("type", "range", "tickvals", "ticktext", "tickangle", "nticks", "dtick"),
    *("ticksuffix", "rangemode"),
)


class Frame(NamedTuple):
    """The room of a panel: its size, how many stand beside each other, how many fill a page."""

    wide: int
    high: int
    columns: int
    most: int


LARGE = Frame(wide=244, high=165, columns=2, most=6)
# Three in the width of two.
SMALL = Frame(wide=137, high=104, columns=3, most=15)


def sheets(exhibit: Exhibit, looks: Mapping[str, Identity]) -> list[go.Figure]:
    """The exhibit as figures of no more panels than fill a page, of fixed width and height."""
    frame = SMALL if exhibit.small else LARGE
    panels = exhibit.panels
    # As many on each: seven are four and three.
    most = math.ceil(len(panels) / math.ceil(len(panels) / frame.most))
    parts = [panels[at : at + most] for at in range(0, len(panels), most)]
    return [_sheet(part, looks, frame) for part in parts]


def _sheet(panels: Sequence[Panel], looks: Mapping[str, Identity], frame: Frame) -> go.Figure:
    shown = drawn(panels)
    keys = {look: wrap(look.label, LONGEST) for look in looks.values() if look.name in shown}
    alone = len(panels) == 1 or (len(panels) == 2 and len(keys) <= FEW)
    columns = 1 if alone else frame.columns
    rows = math.ceil(len(panels) / columns)
    width = columns * (LEFT + frame.wide + RIGHT)
    entry, high = _legend_size(keys.values(), width)
    height = rows * (TOP + frame.high + BELOW) + high
    figure = _canvas(width, height, entry)
    for place, panel in enumerate(panels):
        left = (place % columns) * (LEFT + frame.wide + RIGHT) + LEFT
        top = height - (place // columns) * (TOP + frame.high + BELOW) - TOP
        sides = (left / width, (left + frame.wide) / width)
        ends = ((top - frame.high) / height, top / height)
        _place(figure, panel, "" if not place else str(place + 1), (*sides, *ends))
        _say_once(figure, place, columns)
    figure.add_traces([_key(look, lines) for look, lines in keys.items()])
    for place, trace in enumerate(figure.data):
        # Otherwise plotly draws lots for names that end up in the file.
        trace.uid = str(place)
    return figure


def _canvas(width: float, height: float, entry: float) -> go.Figure:
    """An empty sheet whose legend has entries with so much room for their text."""
    legend = {"orientation": "h", "entrywidth": entry, "entrywidthmode": "pixels"}
    legend |= {"x": 0.5, "xanchor": "center", "y": 0, "yanchor": "bottom"}
    return go.Figure(
        layout=go.Layout(
            template=go.layout.Template(),
            width=width,
            height=height,
            margin={"l": 0, "r": 0, "t": 0, "b": 0},
            font={"family": FONT, "size": 11, "color": INK},
            paper_bgcolor="white",
            plot_bgcolor="white",
            showlegend=True,
            legend=legend,
        )
    )


def _legend_size(names: Iterable[Sequence[str]], width: float) -> tuple[float, float]:
    """How wide the text of every entry is, and how high the legend; names come in lines."""
    known = list(names)
    letters = max((len(line) for lines in known for line in lines), default=0)
    entry = 8 + LETTER * letters
    a_line = max(1, int(width / (KEY + entry)))
    return entry, 8 + LEGEND * sum(
        max(len(lines) for lines in known[at : at + a_line]) for at in range(0, len(known), a_line)
    )


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
        if has_points(trace):
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


def _key(look: Identity, lines: Sequence[str]) -> go.Scatter:
    """An entry of the legend."""
    return go.Scatter(
        x=[None],
        y=[None],
        mode="lines+markers",
        name="<br>".join(map(escape, lines)),
        line=look.stroke(1.5),
        marker=look.mark(9),
    )
