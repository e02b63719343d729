"""An exhibit is a figure of the page: panels to look at, words that say what they show, a table."""

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

import plotly.graph_objects as go

from bestiary.report import _words as words
from bestiary.specs import Estimate

# A logarithmic axis goes beyond its outermost ticks by this factor.
BEYOND = 1.3
# Markers that share a place on it stand this far apart, as long as all stay this close together.
APART, TOGETHER = 1.03, 1.2
# Panels in a row, the best first.
LARGE, SMALL = (3, 2, 4, 5), (4, 3, 5, 2)
# The height of a panel in CSS pixels; the style sheet has the same.
HIGH, LOW = 300, 190
# Where noise alone explains a difference.
BAND = "rgba(138,143,152,0.20)"


class Panel(NamedTuple):
    """One plot of an exhibit, with its own small title."""

    title: str
    figure: go.Figure


class Exhibit(NamedTuple):
    """A figure of the page.

    Attributes:
        key: Its anchor on the page.
        title: What it shows, as a heading.
        caption: How to read it, in a sentence or two.
        panels: The plots.
        header: Headings of the table that holds the same numbers.
        rows: Its cells as text.
        small: Whether the panels are many of one kind, to be compared at a glance.
    """

    key: str
    title: str
    caption: str
    panels: tuple[Panel, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    small: bool = False

    @property
    def columns(self) -> int:
        """How many panels stand beside each other, so that none is alone in the last row."""
        count = len(self.panels)
        fitting = [one for one in (SMALL if self.small else LARGE) if one <= count]
        return next((one for one in fitting if count % one != 1), min(count, 2))

    @property
    def alternative(self) -> str:
        """What a screen reader says in place of the plots."""
        names = ", ".join(panel.title for panel in self.panels)
        return f"{self.title}: {names}. {self.caption} The numbers are in the table that follows."


def drawn(panels: Iterable[Panel]) -> frozenset[str]:
    """The optimizers that have something to show in these panels."""
    traces = (trace for panel in panels for trace in panel.figure.data)
    return frozenset(trace.meta for trace in traces if trace.meta and has_points(trace))


def has_points(trace: go.Scatter) -> bool:
    """Whether a trace shows anything."""
    return trace.x is not None and len(trace.x) > 0


def plot(
    traces: Sequence[go.Scatter],
    *,
    x: Mapping[str, object],
    y: Mapping[str, object],
    height: int = HIGH,
) -> go.Figure:
    """A panel's figure. Colours of paper, text and grid are the page's, set where it is shown."""
    axis = {"automargin": True, "zeroline": False, "ticks": "", "title": {"standoff": 8}}
    layout = go.Layout(
        template=go.layout.Template(),
        height=height,
        autosize=True,
        showlegend=False,
        hovermode="closest",
        dragmode=False,
        margin={"l": 8, "r": 12, "t": 8, "b": 8},
        xaxis=_merged(axis, x),
        yaxis=_merged(axis, y),
    )
    return go.Figure(data=list(traces), layout=layout)


def _merged(axis: Mapping[str, object], changes: Mapping[str, object]) -> dict[str, object]:
    title = changes.get("title")
    text = {"title": {"text": title, "standoff": 8}} if title else {}
    return {**axis, **changes, **text}


def log_axis(title: str, values: Iterable[float], labels: Iterable[str]) -> dict[str, object]:
    """A logarithmic axis with a tick at each of the values, all of them in view."""
    ticks = list(values)
    ends = (min(ticks) / BEYOND, max(ticks) * BEYOND) if ticks else (1.0, 10.0)
    return {
        "type": "log",
        "title": title,
        "tickvals": ticks,
        "ticktext": list(labels),
        "tickangle": 0,
        "range": [math.log10(end) for end in ends],
    }


def ratio_axis(ratios: Collection[float]) -> dict[str, object]:
    """The axis of data-to-model ratios."""
    return log_axis(words.DATA_RATIO, ratios, map(words.ratio, ratios))


def size_axis(sizes: Mapping[int, str]) -> dict[str, object]:
    """The axis of sizes, from N to name."""
    return log_axis(words.NON_EMBEDDING, sizes, sizes.values())


def ends(estimates: Iterable[Estimate]) -> list[float]:
    """Every value and every end of an interval that there is."""
    return [end for one in estimates for end in (one.low, one.value, one.high) if end is not None]


def loss_range(values: Sequence[float]) -> list[float]:
    """The limits of an axis that holds these losses, with a margin."""
    low, high = min(values), max(values)
    margin = 0.06 * (high - low) or 0.01
    return [low - margin, high + margin]


def round_ticks(low: float, high: float, most: int = 4) -> list[float]:
    """Round numbers between two on a logarithmic axis: 1, 2 and 5, or powers of ten."""
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    found: list[float] = []
    for steps in ((1, 2, 5), (1, 3), (1,)):
        every = [step * 10.0**power for power in range(first, last + 1) for step in steps]
        found = [tick for tick in every if low < tick < high]
        if len(found) <= most:
            return found
    return found[:: math.ceil(len(found) / most)]


def whiskers(estimates: Sequence[Estimate], floor: float, ceiling: float) -> dict[str, object]:
    """Error bars from intervals; an end that the data left open runs to the edge of the panel."""
    up, down = [], []
    for estimate in estimates:
        value = estimate.value or 0.0
        known = estimate.low is not None or estimate.high is not None
        high = estimate.high if estimate.high is not None else (ceiling if known else value)
        low = estimate.low if estimate.low is not None else (floor if known else value)
        up.append(max(0.0, high - value))
        down.append(max(0.0, value - low))
    return {
        "type": "data",
        "array": up,
        "arrayminus": down,
        "symmetric": False,
        "thickness": 1.4,
        "width": 4,
    }


def dodged(value: float, place: int, places: int) -> float:
    """The value moved a little along a logarithmic axis, so that intervals stand side by side."""
    apart = min(APART, TOGETHER ** (1 / max(1, places - 1)))
    return float(value * apart ** (place - (places - 1) / 2))
