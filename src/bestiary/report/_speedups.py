"""Exhibits of the speedups: against the ratio and against the size, in tokens and on the clock."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from html import escape
from typing import Literal, NamedTuple

import plotly.graph_objects as go

from bestiary.answers.report import Analysis, Row
from bestiary.report import _words as words
from bestiary.report._exhibit import (
    Exhibit,
    Panel,
    dodged,
    log_axis,
    plot,
    ratio_axis,
    whiskers,
)
from bestiary.report._identity import Identity, identities
from bestiary.specs import TIMES, Estimate

Kind = Literal["token", "time"]
FINE = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.4, 1.6, 1.8, 2.0, 2.4)
COARSE = (0.01, 0.02, 0.05, 0.1, 0.25, 0.35, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 8.0, 16.0, 32.0)
HEADER = ("size", "ratio", "optimizer", "token speedup", "time speedup", "step time", "verdict")


class Point(NamedTuple):
    """The speedup of an optimizer at a place of the horizontal axis."""

    optimizer: str
    at: float
    speedup: Estimate


def against_ratio(analysis: Analysis) -> Exhibit:
    """Token speedup against the ratio, one panel a size."""
    looks = identities(analysis)
    panels = [
        Panel(f"size {size}", _over_ratio(rows, looks, "token"))
        for size, rows in _grouped(analysis, lambda row: row.size)
    ]
    label = looks[analysis.baseline].label
    return Exhibit(
        key="speedup-ratio",
        title="Speedup against the amount of data",
        caption=(
            f"Tokens that {label} needs for the same loss, over the tokens used; 95% intervals. "
            f"The line at 1 is {label}: an interval that crosses it decides nothing. One that "
            f"leaves the panel goes on. Hollow: read off {label}'s law beyond its data."
        ),
        panels=tuple(panels),
        header=HEADER,
        rows=cells(analysis),
    )


def against_size(analysis: Analysis) -> Exhibit:
    """Token speedup against the size, one panel a ratio."""
    looks = identities(analysis)
    panels = []
    for _, rows in _grouped(analysis, lambda row: row.ratio):
        figure = _over_size(rows, looks)
        panels.append(Panel(f"ratio {words.ratio(rows[0].ratio)}", figure))
    return Exhibit(
        key="speedup-size",
        title="Speedup against the size of the model",
        caption=(
            "The same token speedups with their 95% intervals, along the number of non-embedding "
            "parameters N. Lines join the sizes at one ratio."
        ),
        panels=tuple(panels),
        header=HEADER,
        rows=cells(analysis),
    )


def on_the_clock(analysis: Analysis) -> Exhibit:
    """Time speedup against the ratio, one panel a size."""
    looks = identities(analysis)
    panels = [
        Panel(f"size {size}", _over_ratio(rows, looks, "time"))
        for size, rows in _grouped(analysis, lambda row: row.size)
    ]
    return Exhibit(
        key="speedup-time",
        title="Speedup on the clock of this machine",
        caption=(
            "Token speedup over how much longer a step takes here; 95% intervals, which contain "
            "the scatter of the step times. It differs between machines, and the optimizer's share "
            "of a step falls as batches grow."
        ),
        panels=tuple(panels),
        header=HEADER,
        rows=cells(analysis),
    )


def _grouped(
    analysis: Analysis, key: Callable[[Row], object]
) -> Iterable[tuple[object, list[Row]]]:
    for value in dict.fromkeys(map(key, analysis.rows)):
        yield value, [row for row in analysis.rows if key(row) == value]


def cells(analysis: Analysis) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            row.size,
            words.ratio(row.ratio),
            row.label,
            words.speedup(row.token_speedup),
            words.speedup(row.time_speedup),
            words.speedup(row.step_time_ratio),
            row.verdict,
        )
        for row in analysis.rows
        if row.verdict != "baseline"
    )


def _over_ratio(rows: list[Row], looks: dict[str, Identity], kind: Kind) -> go.Figure:
    ratios = sorted({row.ratio for row in rows})
    axis = ratio_axis(ratios)
    points = [
        Point(row.optimizer, row.ratio, getattr(row, f"{kind}_speedup"))
        for row in rows
        if row.verdict != "baseline"
    ]
    return speedup_plot(points, looks, axis, _baseline(rows, looks), title=f"{kind} speedup")


def _over_size(rows: list[Row], looks: dict[str, Identity]) -> go.Figure:
    sizes = {row.parameters: row.size for row in rows}
    axis = log_axis("non-embedding parameters N", sizes, sizes.values())
    points = [
        Point(row.optimizer, row.parameters, row.token_speedup)
        for row in rows
        if row.verdict != "baseline"
    ]
    return speedup_plot(points, looks, axis, _baseline(rows, looks))


def _baseline(rows: list[Row], looks: dict[str, Identity]) -> Identity:
    return looks[next(row.optimizer for row in rows if row.verdict == "baseline")]


def speedup_plot(
    points: Sequence[Point],
    looks: Mapping[str, Identity],
    axis: Mapping[str, object],
    baseline: Identity,
    *,
    title: str = "token speedup",
) -> go.Figure:
    """Speedups with intervals along an axis, side by side where they share a place on it."""
    shown = [point for point in points if point.speedup.value is not None]
    ends = bounds([point.speedup for point in shown])
    challengers = [one for one in looks.values() if any(p.optimizer == one.name for p in shown)]
    traces = []
    for place, look in enumerate(challengers):
        own = sorted((p for p in shown if p.optimizer == look.name), key=lambda p: p.at)
        traces.append(
            go.Scatter(
                x=[dodged(point.at, place, len(challengers)) for point in own],
                y=[point.speedup.value for point in own],
                error_y=whiskers([point.speedup for point in own], *ends),
                mode="lines+markers",
                line=look.stroke(1.5),
                # A hollow marker is read off the law beyond the baseline's own runs.
                marker=look.mark(9)
                | {
                    "symbol": [
                        look.symbol + ("-open" if point.speedup.extrapolated else "")
                        for point in own
                    ]
                },
                text=[words.speedup(point.speedup) for point in own],
                hovertemplate=f"{escape(look.label)}: %{{text}}<extra></extra>",
                meta=look.name,
            )
        )
    figure = plot(traces, x=axis, y=speedup_axis(title, *ends))
    return figure.add_hline(y=1, line={"width": 1.5, "color": baseline.colour})


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
