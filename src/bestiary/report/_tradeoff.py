"""The exhibit of token against time speedup: does what a step costs eat what it gains?"""

import math
from html import escape

import plotly.graph_objects as go

from bestiary.answers.report import Row
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, plot, whiskers
from bestiary.report._identity import Identity, translucent
from bestiary.report._speedups import bounds, numbers, speedup_axis
from bestiary.report._subject import Subject

SOFT = "#8a8f98"
# Beside each other labels need more room than above each other.
APART = (0.5, 0.65, 0.8, 1.0, 1.2, 1.5, 2.0, 2.5)


def tokens_against_time(subject: Subject) -> Exhibit:
    """Token speedup against time speedup, one panel a size, with the break-even line."""
    panels = []
    for size in subject.sizes:
        rows = [row for row in subject.rows if row.size == size and _known(row)]
        if rows:
            panels.append(Panel(f"size {size}", _plot(rows, subject.looks)))
    label = subject.label
    return Exhibit(
        key="tokens-time",
        title="Speedup in tokens against speedup on the clock",
        caption=(
            f"Right of the solid line an optimizer is past break-even: it reaches {label}'s loss "
            "sooner on this machine, and not only with fewer tokens. On the dotted diagonal its "
            f"tokens take as long as {label}'s; the further above, the more its steps cost. "
            "One marker a ratio, larger for more data; both intervals 95%, hollow beyond the data."
        ),
        panels=tuple(panels),
        **numbers(subject)._asdict(),
    )


def _known(row: Row) -> bool:
    estimates = (row.token_speedup, row.time_speedup)
    return row.verdict != "baseline" and all(one.value is not None for one in estimates)


def _plot(rows: list[Row], looks: dict[str, Identity]) -> go.Figure:
    floor, ceiling = bounds([one for row in rows for one in (row.token_speedup, row.time_speedup)])
    ratios = sorted({row.ratio for row in rows})
    traces = [_diagonal(floor, ceiling), _said(floor, ceiling)]
    for look in looks.values():
        own = [row for row in rows if row.optimizer == look.name]
        if own:
            traces.append(_points(own, look, ratios, (floor, ceiling)))
    time = speedup_axis("time speedup", floor, ceiling, fine=APART)
    figure = plot(traces, x=time, y=speedup_axis("token speedup", floor, ceiling))
    figure.add_hline(y=1, line={"width": 1, "color": translucent(SOFT, 0.6)})
    return figure.add_vline(x=1, line={"width": 1.8, "color": SOFT})


def _diagonal(floor: float, ceiling: float) -> go.Scatter:
    return go.Scatter(
        x=[floor, ceiling],
        y=[floor, ceiling],
        mode="lines",
        line={"color": SOFT, "width": 1.2, "dash": "dot"},
        hoverinfo="skip",
    )


def _said(floor: float, ceiling: float) -> go.Scatter:
    """The names of the two lines, at their ends, where few optimizers lie."""
    share = math.log(ceiling / floor)
    end = ceiling * math.exp(-0.06 * share)
    return go.Scatter(
        x=[1.0, end],
        y=[floor * math.exp(0.03 * share), end],
        mode="text",
        text=[" break-even", "equal step time "],
        textposition=["top right", "middle left"],
        textfont={"color": SOFT, "size": 10},
        hoverinfo="skip",
    )


def _points(
    rows: list[Row], look: Identity, ratios: list[float], ends: tuple[float, float]
) -> go.Scatter:
    tokens, time = [row.token_speedup for row in rows], [row.time_speedup for row in rows]
    faint = {"color": translucent(look.colour, 0.45), "width": 0, "thickness": 1.2}
    hollow = ["-open" if row.token_speedup.extrapolated else "" for row in rows]
    return go.Scatter(
        x=[one.value for one in time],
        y=[one.value for one in tokens],
        error_x=whiskers(time, *ends) | faint,
        error_y=whiskers(tokens, *ends) | faint,
        mode="markers",
        marker={
            "color": look.colour,
            "symbol": [look.symbol + mark for mark in hollow],
            "size": [8 + 2 * min(4, ratios.index(row.ratio)) for row in rows],
        },
        text=[
            f"{words.speedup(row.token_speedup)} in tokens, {words.speedup(row.time_speedup)} "
            f"in time<br>{words.told(row)}"
            for row in rows
        ],
        hovertemplate=f"{escape(look.label)}: %{{text}}<extra></extra>",
        meta=look.name,
    )
