"""Exhibits of the speedups: against the ratio and against the size, in tokens and on the clock."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Literal, NamedTuple

import plotly.graph_objects as go

from bestiary.answers.report import Row
from bestiary.report import _words as words
from bestiary.report._exhibit import (
    Exhibit,
    Panel,
    dodged,
    log_axis,
    plot,
    ratio_axis,
    size_axis,
    whiskers,
)
from bestiary.report._identity import Identity
from bestiary.report._labels import label_ends, named
from bestiary.report._subject import Subject
from bestiary.specs import TIMES, Estimate

Kind = Literal["token", "time"]
FINE = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0, 2.4)
COARSE = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0)
HEADER = (
    *("size", "ratio", "optimizer", "loss", "token speedup", "published"),
    *("time speedup", "step time", "verdict"),
)


class Point(NamedTuple):
    """The speedup of an optimizer at a place of the horizontal axis, and what its marker says."""

    optimizer: str
    at: float
    speedup: Estimate
    told: str


def against_ratio(subject: Subject, *, caption: str = "") -> Exhibit:
    """Token speedup against the ratio, one panel a size; the caption of an own study by default."""
    return Exhibit(
        key="speedup-ratio",
        title="Speedup against the amount of data",
        caption=caption
        or (
            f"Tokens that {subject.label} needs for the same loss, over the tokens used; 95% "
            f"intervals. The line at 1 is {subject.label}: an interval that crosses it decides "
            f"nothing. One that leaves the panel goes on. Hollow: read off {subject.label}'s law "
            "beyond its data."
        ),
        panels=_over_ratio(subject, "token"),
        **numbers(subject)._asdict(),
    )


def against_size(subject: Subject, *, key: str = "speedup-size", caption: str = "") -> Exhibit:
    """Token speedup against the size, one panel for each ratio that several sizes have."""
    grouped = [
        (ratio, rows)
        for ratio, rows in _grouped(subject.rows, lambda row: row.ratio)
        if len({row.size for row in rows}) > 1
    ]
    ends = _ends([row for _, rows in grouped for row in rows], "token")
    panels = []
    for _, rows in sorted(grouped, key=lambda pair: pair[1][0].ratio):
        axis = size_axis({row.parameters: row.size for row in rows})
        points = [_point(row, "token", row.parameters) for row in rows if row.verdict != "baseline"]
        figure = speedup_plot(points, subject, axis, ends)
        panels.append(Panel(f"ratio {words.ratio(rows[0].ratio)}", figure))
    return Exhibit(
        key=key,
        title="Speedup against the size of the model",
        caption=caption
        or (
            "The same token speedups with their 95% intervals, along the number of "
            f"{words.NON_EMBEDDING}. Lines join the sizes at one ratio."
        ),
        panels=tuple(panels),
        **numbers(subject)._asdict(),
    )


def on_the_clock(subject: Subject) -> Exhibit:
    """Time speedup against the ratio, one panel a size."""
    return Exhibit(
        key="speedup-time",
        title="Speedup on the clock of this machine",
        caption=(
            "Token speedup over how much longer a step takes here; 95% intervals, which contain "
            "the scatter of the step times. It differs between machines, and the optimizer's share "
            "of a step falls as batches grow."
        ),
        panels=_over_ratio(subject, "time"),
        **numbers(subject)._asdict(),
    )


def _grouped(
    rows: Sequence[Row], key: Callable[[Row], object]
) -> Iterable[tuple[object, list[Row]]]:
    for value in dict.fromkeys(map(key, rows)):
        yield value, [row for row in rows if key(row) == value]


class Numbers(NamedTuple):
    """The table of an exhibit."""

    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def numbers(subject: Subject) -> Numbers:
    """The table that all exhibits of speedups have, without columns that hold nothing."""
    rows = [_cells(row, subject) for row in subject.rows if row.verdict != "baseline"]
    kept = [at for at in range(len(HEADER)) if any(row[at] != words.NOTHING for row in rows)]
    return Numbers(
        tuple(HEADER[at] for at in kept), tuple(tuple(row[at] for at in kept) for row in rows)
    )


def _cells(row: Row, subject: Subject) -> tuple[str, ...]:
    published = subject.figures.get((row.optimizer, row.size, row.ratio))
    return (
        row.size,
        words.ratio(row.ratio),
        row.label,
        words.loss(row),
        words.speedup(row.token_speedup),
        words.NOTHING if published is None else f"{published:.3f}",
        words.speedup(row.time_speedup),
        words.speedup(row.step_time_ratio),
        words.verdict(row),
    )


def _speedup(row: Row, kind: Kind) -> Estimate:
    return row.token_speedup if kind == "token" else row.time_speedup


def _point(row: Row, kind: Kind, at: float) -> Point:
    speedup = _speedup(row, kind)
    unit = "in tokens" if kind == "token" else "in time"
    return Point(
        row.optimizer, at, speedup, f"{words.speedup(speedup)} {unit}<br>{words.told(row)}"
    )


def _ends(rows: Sequence[Row], kind: Kind) -> tuple[float, float]:
    """One scale for all panels, so that heights compare."""
    return bounds([_speedup(row, kind) for row in rows if row.verdict != "baseline"])


def _over_ratio(subject: Subject, kind: Kind) -> tuple[Panel, ...]:
    ends = _ends(subject.rows, kind)
    panels = []
    for size, rows in _grouped(subject.rows, lambda row: row.size):
        axis = ratio_axis(sorted({row.ratio for row in rows}))
        points = [_point(row, kind, row.ratio) for row in rows if row.verdict != "baseline"]
        figure = speedup_plot(points, subject, axis, ends, title=f"{kind} speedup")
        panels.append(Panel(f"size {size}", figure))
    return tuple(panels)


def speedup_plot(
    points: Sequence[Point],
    subject: Subject,
    axis: Mapping[str, object],
    ends: tuple[float, float],
    *,
    title: str = "token speedup",
) -> go.Figure:
    """Speedups with intervals along an axis, side by side where they share a place on it."""
    shown = [point for point in points if point.speedup.value is not None]
    looks = [one for one in subject.looks.values() if any(p.optimizer == one.name for p in shown)]
    traces, labels = [], []
    for place, look in enumerate(looks):
        own = sorted((p for p in shown if p.optimizer == look.name), key=lambda p: p.at)
        x = [dodged(point.at, place, len(looks)) for point in own]
        traces.append(_line(own, look, x, ends))
        labels.append(named(look, traces[-1].y[-1]))
    figure = plot(traces, x=axis, y=speedup_axis(title, *ends))
    baseline = subject.looks[subject.baseline]
    figure.add_hline(y=1, line={"width": 1.5, "color": baseline.colour})
    return label_ends(figure, labels)


def _line(
    own: Sequence[Point], look: Identity, x: Sequence[float], ends: tuple[float, float]
) -> go.Scatter:
    # A hollow marker is read off the law beyond the baseline's own runs.
    symbols = [look.symbol + ("-open" if one.speedup.extrapolated else "") for one in own]
    return go.Scatter(
        x=x,
        y=[point.speedup.value for point in own],
        error_y=whiskers([point.speedup for point in own], *ends),
        mode="lines+markers",
        line=look.stroke(1.5),
        marker=look.mark(9) | {"symbol": symbols},
        text=[point.told for point in own],
        hovertemplate=f"{escape(look.label)}: %{{text}}<extra></extra>",
        meta=look.name,
    )


def speedup_axis(
    title: str, floor: float, ceiling: float, *, fine: Sequence[float] = FINE
) -> dict[str, object]:
    """Ticks at round factors, fewer where the panel spans more."""
    ticks = fine if ceiling / floor < 2.5 else COARSE
    axis = log_axis(title, ticks, (f"{tick:g}{TIMES}" for tick in ticks))
    return {**axis, "range": [math.log10(floor), math.log10(ceiling)]}


def bounds(estimates: Sequence[Estimate]) -> tuple[float, float]:
    """Axis limits that hold every value and its interval, as far as an interval is readable."""
    values = [one.value for one in estimates if one.value is not None]
    lows = [one.low for one in estimates if one.low is not None and one.low > 0]
    highs = [one.high for one in estimates if one.high is not None]
    lowest, highest = min([1.0, *values]), max([1.0, *values])
    floor = min(lowest, max(min(lows, default=lowest), lowest / 2)) / 1.1
    ceiling = max(highest, min(max(highs, default=highest), highest * 2)) * 1.1
    return min(floor, 0.85), max(ceiling, 1.18)
