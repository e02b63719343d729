"""The exhibit of downstream scores against the loss, one panel a task."""

from collections.abc import Iterable, Sequence
from html import escape

import plotly.graph_objects as go

from bestiary.answers.report import Analysis
from bestiary.measures import LOSS_STEP, DownstreamPoint, DownstreamTask, FollowedLine
from bestiary.report import _words as words
from bestiary.report._exhibit import BAND, Exhibit, Panel, ends, plot, whiskers
from bestiary.report._identity import Identity, identities

SOFT = "#8a8f98"


def downstream_against_loss(analysis: Analysis) -> Exhibit:
    """Scores of every optimizer and cell that was asked, against the report loss."""
    looks = identities(analysis.rows)
    return Exhibit(
        key="downstream",
        title="Downstream scores against loss",
        caption=(
            "Every optimizer and cell, means over seeds; whiskers are what the choice of questions "
            "leaves (95%), which all of them share. Grey: the line through the points with its 95% "
            "interval, if they lie about it independently; dotted: what guessing scores. An "
            "optimizer whose scores are better than its loss lies above the line."
        ),
        panels=tuple(
            Panel(f"{one.task} ({one.metric})", _plot(one, looks)) for one in analysis.downstream
        ),
        header=("task", "size", "ratio", "optimizer", "loss", "score", "less the baseline's"),
        rows=tuple(
            (
                one.task,
                point.size,
                words.ratio(point.ratio),
                looks[point.optimizer].label,
                f"{point.loss:.4f}",
                point.score.text(".4f"),
                point.difference.text("+.4f"),
            )
            for one in analysis.downstream
            for point in one.points
        ),
        small=len(analysis.downstream) > 4,
    )


def _plot(one: DownstreamTask, looks: dict[str, Identity]) -> go.Figure:
    reach = ends(point.score for point in one.points)
    traces = [*_line(one.line), *_chance(one)]
    for look in looks.values():
        own = [point for point in one.points if point.optimizer == look.name]
        if own:
            traces.append(_points(own, look, min(reach), max(reach)))
    gain = one.gain.text("+.3f")
    x = {"title": words.in_nats(f"report loss; {gain} for {LOSS_STEP:g} less")}
    return plot(traces, x=x, y={"title": one.metric})


def _points(
    own: Sequence[DownstreamPoint], look: Identity, floor: float, ceiling: float
) -> go.Scatter:
    told = [f"{words.cell(one.size, one.ratio)}: {one.score.text('.4f')}" for one in own]
    return go.Scatter(
        x=[one.loss for one in own],
        y=[one.score.value for one in own],
        error_y=whiskers([one.score for one in own], floor, ceiling),
        mode="markers",
        marker=look.mark(8),
        text=[escape(line) for line in told],
        hovertemplate=f"{escape(look.label)}, %{{text}}, loss %{{x:.4f}}<extra></extra>",
        meta=look.name,
    )


def _line(line: Sequence[FollowedLine]) -> Iterable[go.Scatter]:
    """The band of the line, then the line itself."""
    if not line:
        return
    losses = [one.loss for one in line]
    outline = [one.score.high for one in line] + [one.score.low for one in reversed(line)]
    plain = {"mode": "lines", "hoverinfo": "skip"}
    yield go.Scatter(
        x=losses + losses[::-1],
        y=outline,
        fill="toself",
        fillcolor=BAND,
        line={"width": 0},
        **plain,
    )
    values = [one.score.value for one in line]
    yield go.Scatter(x=losses, y=values, line={"color": SOFT, "width": 1.2}, **plain)


def _chance(one: DownstreamTask) -> list[go.Scatter]:
    if one.chance is None or not one.points:
        return []
    losses = [point.loss for point in one.points]
    line = {"color": SOFT, "width": 1.2, "dash": "dot"}
    ends_of_it = [min(losses), max(losses)]
    return [go.Scatter(x=ends_of_it, y=[one.chance] * 2, mode="lines", line=line, hoverinfo="skip")]
