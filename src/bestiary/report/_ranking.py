"""The exhibit of the ranking over training: who led when, and whether it meant anything."""

from html import escape

import plotly.graph_objects as go

from bestiary.answers.report import Analysis
from bestiary.measures import Midway
from bestiary.report import _words as words
from bestiary.report._exhibit import BAND, Exhibit, Panel, plot
from bestiary.report._identity import Identity, identities
from bestiary.report._labels import label_ends, named

# The first fall dwarfs every later difference: the panel is scaled to what comes after it.
FALLEN = 0.25


def ranking(analysis: Analysis) -> Exhibit:
    """Every optimizer's loss less that of the final winner, over the training; a panel a cell."""
    looks = identities(analysis.rows)
    return Exhibit(
        key="ranking",
        title="Ranking over training",
        caption=(
            "Report loss in excess of that of the optimizer that wins at the end, averaged over "
            "the seeds that all of a cell finished. Below 0 a comparison stopped there would have "
            "named another winner; inside the grey band it would have decided nothing (95%, seed "
            "noise of the report runs). The first quarter may leave the panel."
        ),
        panels=tuple(_panel(analysis, one, looks) for one in analysis.midway),
        header=("size", "ratio", "share of training", "from the lowest loss"),
        rows=tuple(row for one in analysis.midway for row in _orders(one, looks)),
    )


def _panel(analysis: Analysis, one: Midway, looks: dict[str, Identity]) -> Panel:
    title = f"size {words.cell(one.size, one.ratio)}"
    return Panel(title, _plot(one, looks, _band(analysis, one)))


def _band(analysis: Analysis, one: Midway) -> float:
    """How far luck alone may part two optimizers; 0 where nobody measured that."""
    return one.threshold if analysis.noise[one.size].measured else 0.0


def _plot(one: Midway, looks: dict[str, Identity], band: float) -> go.Figure:
    shares = [moment.share for moment in one.moments]
    place = words.cell(one.size, one.ratio)
    seeds = f"{len(one.seeds)} seed{'s' * (len(one.seeds) != 1)}"
    traces, labels = [], []
    for look in looks.values():
        if look.name in one.excess:
            traces.append(
                go.Scatter(
                    x=[100 * share for share in shares],
                    y=one.excess[look.name],
                    mode="lines+markers",
                    line=look.stroke(1.6),
                    marker=look.mark(7),
                    hovertemplate=(
                        f"{escape(f'{look.label}, {place}')}, {seeds}, after %{{x:.0f}}%: "
                        "%{y:+.4f}<extra></extra>"
                    ),
                    meta=look.name,
                )
            )
            labels.append(named(look, one.excess[look.name][-1]))
    late = [
        value
        for excess in one.excess.values()
        for share, value in zip(shares, excess, strict=True)
        if share >= FALLEN
    ]
    low, high = min([-band, *late]), max([band, *late])
    margin = 0.08 * (high - low) or 0.01
    y = {"title": words.in_nats("excess loss"), "range": [low - margin, high + margin]}
    x = {"title": "share of training", "range": [0, 104], "ticksuffix": "%"}
    figure = plot(traces, x=x, y=y)
    if band:
        figure.add_hrect(y0=-band, y1=band, fillcolor=BAND, line_width=0, layer="below")
    return label_ends(figure, labels)


def _orders(one: Midway, looks: dict[str, Identity]) -> list[tuple[str, ...]]:
    """The ranking at every evaluation, in words."""
    rows: list[tuple[str, ...]] = []
    for place, moment in enumerate(one.moments):
        order = sorted(one.excess, key=lambda name: one.excess[name][place])
        told = ", ".join(looks[name].label for name in order)
        rows.append((one.size, words.ratio(one.ratio), f"{moment.share:.0%}", told))
    return rows
