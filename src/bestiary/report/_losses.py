"""Exhibits of the losses: against the ratio with the baseline's law, and along each run."""

from html import escape

import numpy as np
import plotly.graph_objects as go

from bestiary.answers.report import Analysis, LossCurve, Row
from bestiary.measures import BaselineLaw
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, dodged, plot, ratio_axis, whiskers
from bestiary.report._identity import Identity, identities, translucent

# The share of a run over which its training loss is averaged.
WINDOW = 0.05


def loss_against_ratio(analysis: Analysis) -> Exhibit:
    """Loss of every optimizer against the ratio, one panel a size, with the baseline's law."""
    looks = identities(analysis)
    laws = {law.size: law for law in analysis.laws}
    panels = []
    for size in dict.fromkeys(row.size for row in analysis.rows):
        rows = [row for row in analysis.rows if row.size == size]
        law = _law_traces(laws[size], looks[analysis.baseline]) if size in laws else []
        panels.append(Panel(f"size {size}", _ratio_plot(rows, looks, law)))
    return Exhibit(
        key="loss-ratio",
        title="Loss against the amount of data",
        caption=(
            "Mean report loss at the end of the tuned runs on fresh seeds, with its 95% interval; "
            f"lower is better. Dashed: the law fitted to {looks[analysis.baseline].label}, with "
            "its 95% band."
        ),
        panels=tuple(panels),
        header=(
            *("size", "ratio", "optimizer", "loss ± seeds", "95% of the mean"),
            *("bits per byte", "seeds", "optimizer state"),
        ),
        rows=tuple(_loss_cells(row) for row in analysis.rows),
    )


def _loss_cells(row: Row) -> tuple[str, ...]:
    done = sum(seed.state == "done" for seed in row.seeds)
    interval = row.loss.interval(".4f") or words.NOTHING
    seeds = f"{done} of {len(row.seeds) + row.pending}"
    bits = words.NOTHING if row.bits_per_byte is None else f"{row.bits_per_byte:.4f}"
    place = (row.size, words.ratio(row.ratio), row.label)
    return (*place, words.loss(row), interval, bits, seeds, words.size_of(row.state_bytes))


def _ratio_plot(rows: list[Row], looks: dict[str, Identity], law: list[go.Scatter]) -> go.Figure:
    ratios = sorted({row.ratio for row in rows})
    traces = []
    for place, look in enumerate(looks.values()):
        own = [row for row in rows if row.optimizer == look.name and row.loss.value is not None]
        traces.append(
            go.Scatter(
                x=[dodged(row.ratio, place, len(looks)) for row in own],
                y=[row.loss.value for row in own],
                error_y=whiskers([row.loss for row in own], 0.0, 0.0),
                mode="markers" if own and own[0].verdict == "baseline" else "lines+markers",
                line=look.stroke(1.5),
                marker=look.mark(9),
                text=[words.ratio(row.ratio) for row in own],
                hovertemplate=f"{escape(look.label)} at %{{text}}: %{{y:.4f}}<extra></extra>",
                meta=look.name,
            )
        )
    return plot(
        [*law, *traces],
        x=ratio_axis(ratios),
        y={"title": "report loss (nats/token)"},
    )


def _law_traces(law: BaselineLaw, look: Identity) -> list[go.Scatter]:
    ratios = [point.ratio for point in law.curve]
    band = [point.high for point in law.curve] + [point.low for point in reversed(law.curve)]
    line = {"color": look.colour, "width": 1.5, "dash": "dash"}
    return [
        go.Scatter(
            x=ratios + ratios[::-1],
            y=band,
            fill="toself",
            fillcolor=translucent(look.colour, 0.16),
            mode="none",
            hoverinfo="skip",
            meta=look.name,
        ),
        go.Scatter(
            x=ratios,
            y=[point.loss for point in law.curve],
            mode="lines",
            line=line,
            hoverinfo="skip",
            meta=look.name,
        ),
    ]


def loss_curves(analysis: Analysis) -> Exhibit:
    """Every reported run from start to end, one panel a cell."""
    looks = identities(analysis)
    panels = []
    for size, ratio in dict.fromkeys((one.size, one.ratio) for one in analysis.curves):
        curves = [one for one in analysis.curves if (one.size, one.ratio) == (size, ratio)]
        figure = _curve_plot(curves, looks)
        panels.append(Panel(f"size {size} at {words.ratio(ratio)}", figure))
    return Exhibit(
        key="curves",
        title="Loss along each run",
        caption=(
            f"Faint: training loss, the running mean over {WINDOW:.0%} of the run. With markers: "
            "loss on the report set, one line a seed. Orders before the end mislead, because the "
            "learning rate has not decayed yet."
        ),
        panels=tuple(panels),
        header=("size", "ratio", "optimizer", "seed", "state", "last training", "last report"),
        rows=tuple(_curve_cells(one) for one in analysis.curves),
    )


def _curve_cells(one: LossCurve) -> tuple[str, ...]:
    training = f"{one.train_loss[-1]:.4f}" if one.train_loss else words.NOTHING
    report = f"{one.report_loss[-1]:.4f}" if one.report_loss else words.NOTHING
    ratio = words.ratio(one.ratio)
    return (one.size, ratio, one.label, str(one.seed), one.state, training, report)


def _curve_plot(curves: list[LossCurve], looks: dict[str, Identity]) -> go.Figure:
    traces = []
    for one in curves:
        look = looks[one.optimizer]
        traces += [
            go.Scatter(
                x=one.train_tokens,
                y=_smoothed(one),
                mode="lines",
                line={"color": translucent(look.colour, 0.3), "width": 1},
                hoverinfo="skip",
                meta=look.name,
            ),
            go.Scatter(
                x=one.report_tokens,
                y=one.report_loss,
                mode="lines+markers",
                line=look.stroke(1.3),
                marker=look.mark(5),
                hovertemplate=f"{escape(look.label)}, seed {one.seed}: %{{y:.4f}}<extra></extra>",
                meta=look.name,
            ),
        ]
    loss: dict[str, object] = {"title": "loss (nats/token)"}
    if bounds := _without_the_start(curves):
        loss["range"] = list(bounds)
    return plot(traces, x={"title": "training tokens", "rangemode": "tozero"}, y=loss)


def _smoothed(one: LossCurve) -> list[float]:
    """The mean training loss around each point: single batches differ more than optimizers do."""
    tokens, losses = np.array(one.train_tokens), np.array(one.train_loss)
    reach = WINDOW / 2 * max(one.train_tokens, default=0)
    near = [np.abs(tokens - centre) <= reach for centre in one.train_tokens]
    return [float(losses[around].mean()) for around in near]


def _without_the_start(curves: list[LossCurve]) -> tuple[float, float] | None:
    """A loss range that begins where the first steep fall is over, at a fifth of the run."""
    late = [
        loss
        for one in curves
        for tokens, loss in (
            *zip(one.train_tokens, one.train_loss, strict=True),
            *zip(one.report_tokens, one.report_loss, strict=True),
        )
        if tokens >= 0.2 * max(one.train_tokens, default=0)
    ]
    if not late:
        return None
    low, high = min(late), max(late)
    return low - 0.04 * (high - low), high
