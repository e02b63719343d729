"""Exhibits of the published losses: against the ratio, less AdamW's, and against training loss."""

import math
from collections.abc import Mapping
from html import escape

import plotly.graph_objects as go

from bestiary.answers.reproduce import PublishedCurve, Reproduction
from bestiary.evidence.published import losses, pairs
from bestiary.measures.published import Offset, offsets
from bestiary.report import _words as words
from bestiary.report._exhibit import BAND, Exhibit, Panel, dodged, log_axis, plot
from bestiary.report._generalisation import SOFT, cloud, equal_line
from bestiary.report._identity import Identity
from bestiary.report._published_looks import BASELINE, published_looks

# Two independent losses differ by less than this many noises in 95 of 100 cases.
DIFFERENCE = 1.96 * math.sqrt(2)
PRINTED = ("printed", "1-8")
STEPS = 40


def loss_against_ratio(found: Reproduction) -> Exhibit:
    """The printed losses against the ratio, one panel a size, with AdamW's curve."""
    looks = published_looks()
    fitted = {one.size: one for one in found.curves if (one.version, one.ratios) == PRINTED}
    panels = []
    for size in dict.fromkeys(size for _, size, _ in losses("printed")):
        ratios = _ratios(size)
        curve = [_curve(fitted[size], max(ratios), looks[BASELINE])] if size in fitted else []
        traces = [
            _line(look, {r: losses("printed").get((look.name, size, r)) for r in ratios})
            for look in looks.values()
        ]
        x = log_axis("data-to-model ratio", ratios, map(words.ratio, ratios))
        y = {"title": "loss (nats per token)"}
        panels.append(Panel(f"size {size}", plot([*curve, *traces], x=x, y=y)))
    return Exhibit(
        key="loss-ratio",
        title="Loss against the amount of data",
        caption=(
            "Lowest published loss of each cell, as printed. Dashed: AdamW's curve through its "
            f"losses at 1x to 8x, continued beyond. Noise between seeds, {found.noise:.1g} nats, "
            "is smaller than the markers."
        ),
        panels=tuple(panels),
        header=("size", "ratio", "optimizer", "printed", "released"),
        rows=tuple(_cells(looks)),
    )


def loss_below_baseline(found: Reproduction) -> Exhibit:
    """The same losses less AdamW's at the same data, where differences can be seen."""
    looks = published_looks()
    table, band = losses("printed"), DIFFERENCE * found.noise
    panels = []
    for size in dict.fromkeys(size for _, size, _ in table):
        ratios = _ratios(size)
        traces = []
        for place, look in enumerate(looks.values()):
            gaps = {
                dodged(r, place, len(looks)): table[look.name, size, r] - table[BASELINE, size, r]
                for r in ratios
                if (look.name, size, r) in table and (BASELINE, size, r) in table
            }
            if look.name != BASELINE:
                traces.append(_line(look, gaps))
        x = log_axis("data-to-model ratio", ratios, map(words.ratio, ratios))
        figure = plot(traces, x=x, y={"title": "loss less AdamW's"})
        figure.add_hline(y=0, line={"width": 1.5, "color": looks[BASELINE].colour})
        figure.add_hrect(y0=-band, y1=band, fillcolor=BAND, line_width=0, layer="below")
        panels.append(Panel(f"size {size}", figure))
    return Exhibit(
        key="loss-gap",
        title="Loss below AdamW's at equal data",
        caption=(
            "Lower is better. Inside the grey band two losses are not told apart (95%, noise "
            f"between seeds of {found.noise:.1g} nats, as assumed from the study's ablations). "
            "Losses are minima over different numbers of runs, which the band does not contain."
        ),
        panels=tuple(panels),
        header=("size", "ratio", "optimizer", "printed", "released"),
        rows=tuple(_cells(looks)),
    )


def training_against_validation() -> Exhibit:
    """Final validation against final training loss of every run, and the offsets that remain."""
    looks = published_looks()
    traces = []
    for look in looks.values():
        own = [(one.train, one.validation) for one in pairs() if one.optimizer == look.name]
        if own:
            traces.append(cloud(own, look, [""] * len(own), size=4))
    points = [(one.train, one.validation) for one in pairs()]
    x, y = {"title": "training loss of the last batch"}, {"title": "validation loss"}
    return Exhibit(
        key="train-validation",
        title="Training loss against validation loss",
        caption=(
            f"First: {len(points)} published runs; dotted: equal losses. They scatter because a "
            "training loss is that of one batch. Second: what remains at equal training loss when "
            "runs of equal size, ratio and batch size, which saw the same last batch, are "
            "compared: validation loss less AdamW's, median over cells with its 95% interval. "
            "Left of 0 generalises better."
        ),
        panels=(
            Panel("all runs", plot([*equal_line(points), *traces], x=x, y=y)),
            Panel("less AdamW's at equal training loss", _offset_plot(looks)),
        ),
        header=("optimizer", "runs", "validation less AdamW's", "standard error", "cells"),
        rows=tuple(_offset_cells(look) for look in looks.values()),
    )


def _ratios(size: str) -> list[float]:
    return sorted({ratio for _, s, ratio in losses("printed") if s == size})


def _line(look: Identity, points: Mapping[float, float | None]) -> go.Scatter:
    return go.Scatter(
        x=list(points),
        y=list(points.values()),
        mode="markers" if look.name == BASELINE else "lines+markers",
        line={"color": look.colour, "width": 1.3},
        marker={"color": look.colour, "symbol": look.symbol, "size": 7},
        hovertemplate=f"{escape(look.label)}: %{{y:.4f}}<extra></extra>",
        meta=look.name,
    )


def _curve(fitted: PublishedCurve, last: float, look: Identity) -> go.Scatter:
    """The curve a D^-B + b from a little below 1x to a little above the last ratio."""
    ends = math.log(0.85), math.log(1.15 * last)
    ratios = [math.exp(ends[0] + (ends[1] - ends[0]) * at / STEPS) for at in range(STEPS + 1)]
    a, exponent, b = (one.value or 0.0 for one in (fitted.a, fitted.exponent, fitted.b))
    return go.Scatter(
        x=ratios,
        y=[a * ratio**-exponent + b for ratio in ratios],
        mode="lines",
        line={"color": look.colour, "width": 1.5, "dash": "dash"},
        hoverinfo="skip",
        meta=look.name,
    )


def _cells(looks: dict[str, Identity]) -> list[tuple[str, ...]]:
    rows: list[tuple[str, ...]] = []
    for (name, size, ratio), loss in losses("printed").items():
        released = losses("released").get((name, size, ratio))
        other = words.NOTHING if released is None else f"{released:.4f}"
        rows.append((size, words.ratio(ratio), looks[name].label, f"{loss:.4f}", other))
    return rows


def _offset_plot(looks: dict[str, Identity]) -> go.Figure:
    shown = [(look, offsets()[name]) for name, look in looks.items() if name in offsets()]
    traces = [
        go.Scatter(
            x=[1000 * offset.median],
            y=[escape(look.label)],
            error_x={"type": "data", "array": [1960 * offset.error], "thickness": 1.4, "width": 4},
            mode="markers",
            marker={"color": look.colour, "symbol": look.symbol, "size": 9},
            hovertemplate=f"{escape(look.label)}: %{{x:+.2f}}, {offset.cells} cells<extra></extra>",
            meta=look.name,
        )
        for look, offset in reversed(shown)
    ]
    figure = plot(
        traces, x={"title": "validation loss, thousandths of a nat"}, y={"type": "category"}
    )
    return figure.add_vline(x=0, line={"width": 1.5, "color": SOFT})


def _offset_cells(look: Identity) -> tuple[str, ...]:
    runs = sum(one.optimizer == look.name for one in pairs())
    offset: Offset | None = offsets().get(look.name)
    if offset is None:
        return (look.label, str(runs), *[words.NOTHING] * 3)
    return (
        look.label,
        str(runs),
        f"{offset.median:+.5f}",
        f"{offset.error:.5f}",
        str(offset.cells),
    )
