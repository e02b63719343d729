"""Exhibits of the recomputed speedups over AdamW: against the size, and against the ratio."""

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go

from bestiary.answers.reproduce import Reproduction, SizePoint, SpeedupRow
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, log_axis
from bestiary.report._identity import Identity
from bestiary.report._published_looks import BASELINE, published_looks
from bestiary.report._speedups import Point, speedup_plot
from bestiary.specs import SIZES

HEADER = ("size", "ratio", "optimizer", "loss", "speedup", "published")


def headline(found: Reproduction) -> Exhibit:
    """The paper's headline figure, speedup at 8x against size, in its three variants."""
    looks = published_looks()
    points = found.against_size
    panels = (
        _headline("printed losses, 1x to 8x (paper)", points, "printed", "published"),
        _headline("printed losses with AdamW's 16x", points, "with_16x", ""),
        _headline("released losses with AdamW's 16x", points, "released", "published_released"),
    )
    return Exhibit(
        key="speedup-size",
        title="Speedup at 8x against the size of the model",
        caption=(
            "Data AdamW needs for the same loss over the data used; 95% intervals from a noise "
            f"of {found.noise:.1g} nats between seeds. Rings: the values of the authors' figure. "
            "Hollow: read off AdamW's curve beyond its data; only 130m and 300m have AdamW at 16x."
        ),
        panels=_one_scale(panels),
        header=(
            *("optimizer", "size", "printed", "paper", "with 16x"),
            *("released", "released figure"),
        ),
        rows=tuple(_size_cells(one, looks) for one in points),
    )


def _headline(title: str, points: Sequence[SizePoint], field: str, published: str) -> Panel:
    looks = published_looks()
    sizes = {one.parameters: one.size for one in points}
    axis = log_axis("non-embedding parameters N", sizes, sizes.values())
    shown = [Point(one.optimizer, one.parameters, getattr(one, field)) for one in points]
    figure = speedup_plot(shown, looks, axis, looks[BASELINE])
    if published:
        places = {
            (trace.meta, size): x
            for trace in figure.data
            for x, size in zip(trace.x, sizes.values(), strict=True)
        }
        figure.add_traces([_rings(points, published, look, places) for look in looks.values()])
    return Panel(title, figure)


def _rings(
    points: Sequence[SizePoint],
    field: str,
    look: Identity,
    places: dict[tuple[str, str], float],
) -> go.Scatter:
    own = [p for p in points if p.optimizer == look.name and getattr(p, field) is not None]
    return go.Scatter(
        x=[places[look.name, point.size] for point in own],
        y=[getattr(point, field) for point in own],
        mode="markers",
        marker={"color": look.colour, "symbol": "circle-open", "size": 15},
        hovertemplate="published: %{y:.3f}<extra></extra>",
        meta=look.name,
    )


def speedups_against_size(found: Reproduction) -> Exhibit:
    """Every recomputed speedup against the size, one panel a ratio."""
    rows = _rows(found)
    looks = published_looks()
    panels = []
    for ratio in sorted({row.ratio for row in rows}):
        own = [row for row in rows if row.ratio == ratio]
        sizes = {SIZES[row.size].matrix_parameters: row.size for row in own}
        if len(sizes) > 1:
            axis = log_axis("non-embedding parameters N", sizes, sizes.values())
            points = [
                Point(row.optimizer, SIZES[row.size].matrix_parameters, row.speedup) for row in own
            ]
            figure = speedup_plot(points, looks, axis, looks[BASELINE])
            panels.append(Panel(f"ratio {words.ratio(ratio)}", figure))
    return Exhibit(
        key="speedup-all-sizes",
        title="Every speedup against the size",
        caption=CAPTION,
        panels=_one_scale(panels),
        header=HEADER,
        rows=_cells(rows, looks),
    )


def speedups_against_ratio(found: Reproduction) -> Exhibit:
    """Every recomputed speedup against the ratio, one panel a size."""
    rows = _rows(found)
    looks = published_looks()
    panels = []
    for size in dict.fromkeys(row.size for row in rows):
        own = [row for row in rows if row.size == size]
        ratios = sorted({row.ratio for row in own})
        axis = log_axis("data-to-model ratio", ratios, map(words.ratio, ratios))
        points = [Point(row.optimizer, row.ratio, row.speedup) for row in own]
        panels.append(Panel(f"size {size}", speedup_plot(points, looks, axis, looks[BASELINE])))
    return Exhibit(
        key="speedup-ratio",
        title="Every speedup against the amount of data",
        caption=CAPTION,
        panels=_one_scale(panels),
        header=HEADER,
        rows=_cells(rows, looks),
    )


def _one_scale(panels: Sequence[Panel]) -> tuple[Panel, ...]:
    """Give all panels the widest of their speedup axes, so that heights compare."""
    ends = np.array([panel.figure.layout.yaxis.range for panel in panels])
    for panel in panels:
        panel.figure.update_yaxes(range=[ends[:, 0].min(), ends[:, 1].max()])
    return tuple(panels)


CAPTION = (
    "From the printed losses and AdamW's curve through 1x to 8x, at 16x through 1x to 16x; 95% "
    "intervals, those that leave the panel go on. Hollow: read off that curve beyond its data. "
    "Tokens, not time: the study publishes no step times."
)


def _rows(found: Reproduction) -> list[SpeedupRow]:
    """As the paper has them: AdamW's 16x enters its curve only where others are compared there."""
    printed = [row for row in found.speedups if row.version == "printed"]
    return [row for row in printed if row.ratios == ("1-16" if row.ratio > 8 else "1-8")]


def _cells(rows: Sequence[SpeedupRow], looks: dict[str, Identity]) -> tuple[tuple[str, ...], ...]:
    return tuple(
        (
            row.size,
            words.ratio(row.ratio),
            looks[row.optimizer].label,
            f"{row.loss:.4f}",
            words.speedup(row.speedup),
            _published(row.published),
        )
        for row in rows
    )


def _size_cells(one: SizePoint, looks: dict[str, Identity]) -> tuple[str, ...]:
    return (
        looks[one.optimizer].label,
        one.size,
        words.speedup(one.printed),
        _published(one.published),
        words.speedup(one.with_16x),
        words.speedup(one.released),
        _published(one.published_released),
    )


def _published(value: float | None) -> str:
    return words.NOTHING if value is None else f"{value:.3f}"
