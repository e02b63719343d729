"""Names at the right edge of a panel, each beside the end of its line, none over another."""

import math
from collections.abc import Sequence
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go

from bestiary.report._identity import Identity

# CSS pixels: a line of text, the width of a letter, and what a panel's axis leaves of its height.
LINE, LETTER, AXIS = 13.0, 7.4, 56
LONGEST = 14


class LineName(NamedTuple):
    """A name for the end of a line.

    Attributes:
        text: What is said.
        colour: Of the line.
        at: Where it ends on the vertical axis.
        optimizer: With whose lines it is shown and hidden.
    """

    text: str
    colour: str
    at: float
    optimizer: str


def named(look: Identity, at: float) -> LineName:
    """An optimizer's name with its marker, for where its line ends."""
    return LineName(f"{look.glyph} {look.label}", look.colour, at, look.name)


def label_ends(figure: go.Figure, labels: Sequence[LineName], *, size: int = 11) -> go.Figure:
    """Add the labels to a panel whose vertical axis has a range."""
    if not labels:
        return figure
    axis = figure.layout.yaxis
    low, high = axis.range
    height = figure.layout.height - AXIS
    ordered = sorted(labels, key=lambda one: one.at)
    values = [math.log10(one.at) if axis.type == "log" else one.at for one in ordered]
    shown = [min(high, max(low, value)) for value in values]
    wanted = [height * (value - low) / (high - low) for value in shown]
    for one, value, at, place in zip(ordered, shown, wanted, apart(wanted, height), strict=True):
        figure.add_annotation(
            name=one.optimizer,
            text=_short(one.text),
            xref="paper",
            x=1,
            xanchor="left",
            xshift=5,
            y=value,
            yanchor="middle",
            yshift=round(place - at, 1),
            showarrow=False,
            font={"size": size, "color": one.colour},
        )
    longest = max(min(len(one.text), LONGEST) for one in labels)
    figure.update_layout(margin={"r": round(17 + LETTER * size / 11 * longest)})
    return figure


def apart(wanted: Sequence[float], height: float) -> list[float]:
    """Ascending places moved as little as keeps a line between them and all in the panel."""
    gap = min(LINE, height / max(1, len(wanted) - 1))
    blocks: list[list[float]] = []
    for place, value in enumerate(wanted):
        blocks.append([value - gap * place])
        # A block that overlaps the one below joins it; both then stand around their mean.
        while len(blocks) > 1 and _middle(blocks[-2]) > _middle(blocks[-1]):
            blocks[-2:] = [blocks[-2] + blocks[-1]]
    starts = [_middle(block) for block in blocks for _ in block]
    room = height - gap * (len(wanted) - 1)
    return [max(0.0, min(room, start)) + gap * place for place, start in enumerate(starts)]


def _middle(block: Sequence[float]) -> float:
    return sum(block) / len(block)


def _short(text: str) -> str:
    cut = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}\N{HORIZONTAL ELLIPSIS}"
    return escape(cut)
