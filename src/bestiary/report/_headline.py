"""The published study's headline figure in three variants, and the captions of its speedups."""

from collections.abc import Sequence

import plotly.graph_objects as go

from bestiary.answers.reproduce import Reproduction, SizePoint
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, size_axis
from bestiary.report._identity import Identity
from bestiary.report._speedups import Point, bounds, speedup_plot
from bestiary.report._subject import Subject

VARIANTS = (
    ("printed losses, 1x to 8x (paper)", "printed", "published"),
    ("printed losses with AdamW's 16x", "with_16x", ""),
    ("released losses with AdamW's 16x", "released", "published_released"),
)
RING = "circle-open"


def headline(found: Reproduction, subject: Subject) -> Exhibit:
    """The paper's headline figure, speedup at 8x against size, in its three variants."""
    points = found.against_size
    ends = bounds([getattr(one, field) for one in points for _, field, _ in VARIANTS])
    return Exhibit(
        key="headline",
        title="Speedup at 8x against the size of the model",
        caption=(
            "Data AdamW needs for the same loss over the data used; 95% intervals from a noise "
            f"of {found.noise:.1g} nats between seeds. Rings: the values of the authors' figure. "
            "Hollow: read off AdamW's curve beyond its data; only 130m and 300m have AdamW at 16x."
        ),
        panels=tuple(
            Panel(title, _plot(points, subject, ends, field, published))
            for title, field, published in VARIANTS
        ),
        header=(
            *("optimizer", "size", "printed", "paper", "with 16x"),
            *("released", "released figure"),
        ),
        rows=tuple(_cells(one, subject) for one in points),
    )


def _plot(
    points: Sequence[SizePoint],
    subject: Subject,
    ends: tuple[float, float],
    field: str,
    published: str,
) -> go.Figure:
    sizes = {one.parameters: one.size for one in points}
    shown = [
        Point(one.optimizer, one.parameters, estimate, f"{words.speedup(estimate)}, {one.size} 8x")
        for one in points
        for estimate in [getattr(one, field)]
    ]
    figure = speedup_plot(shown, subject, size_axis(sizes), ends)
    if published:
        places = {
            (trace.meta, size): x
            for trace in figure.data
            for x, size in zip(trace.x, sizes.values(), strict=True)
        }
        looks = subject.looks.values()
        figure.add_traces([_rings(points, published, look, places) for look in looks])
    return figure


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
        marker={"color": look.colour, "symbol": RING, "size": 15},
        hovertemplate="published: %{y:.3f}<extra></extra>",
        meta=look.name,
    )


def _cells(one: SizePoint, subject: Subject) -> tuple[str, ...]:
    return (
        subject.looks[one.optimizer].label,
        one.size,
        words.speedup(one.printed),
        _published(one.published),
        words.speedup(one.with_16x),
        words.speedup(one.released),
        _published(one.published_released),
    )


def _published(value: float | None) -> str:
    return words.NOTHING if value is None else f"{value:.3f}"
