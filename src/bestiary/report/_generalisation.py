"""The exhibit of training against validation loss: does an optimizer generalise differently?"""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from bestiary.answers.report import Analysis, LossCurve
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, plot
from bestiary.report._identity import Identity, identities

SOFT = "#8a8f98"
# One batch is noisy: the training loss is the mean over this last share of the run.
LAST = 0.05


def training_against_validation(analysis: Analysis) -> Exhibit:
    """Final report loss against final training loss of every run, one panel a size."""
    looks = identities(analysis)
    shown = [one for one in analysis.curves if one.state == "done" and _has_both(one)]
    panels = [
        Panel(f"size {size}", _plot([one for one in shown if one.size == size], looks))
        for size in dict.fromkeys(one.size for one in shown)
    ]
    return Exhibit(
        key="train-validation",
        title="Training loss against validation loss",
        caption=(
            "Every finished run, all ratios. An optimizer that generalises better at equal "
            "training loss lies below the others; dotted, where in view: equal losses. The "
            f"training loss is the mean over the last {LAST:.0%} of the run, the validation loss "
            "that of the report set; their data differ, so only distances between optimizers count."
        ),
        panels=tuple(panels),
        header=("size", "ratio", "optimizer", "seed", "training loss", "report loss"),
        rows=tuple(_cells(one) for one in shown),
    )


def _has_both(one: LossCurve) -> bool:
    return bool(one.train_loss and one.report_loss)


def _final(one: LossCurve) -> float:
    """Mean training loss over the last share of a run."""
    start = (1 - LAST) * one.train_tokens[-1]
    pairs = zip(one.train_tokens, one.train_loss, strict=True)
    last = [loss for tokens, loss in pairs if tokens > start]
    return sum(last) / len(last)


def _cells(one: LossCurve) -> tuple[str, ...]:
    losses = (f"{_final(one):.4f}", f"{one.report_loss[-1]:.4f}")
    return (one.size, words.ratio(one.ratio), one.label, str(one.seed), *losses)


def _plot(curves: list[LossCurve], looks: dict[str, Identity]) -> go.Figure:
    traces = []
    for look in looks.values():
        own = [one for one in curves if one.optimizer == look.name]
        places = [f"{words.ratio(one.ratio)}, seed {one.seed}" for one in own]
        points = [(_final(one), one.report_loss[-1]) for one in own]
        traces.append(cloud(points, look, places))
    pairs = [pair for trace in traces for pair in zip(trace.x, trace.y, strict=True)]
    equal = equal_line(pairs)
    x, y = {"title": "training loss (nats/token)"}, {"title": "report loss (nats/token)"}
    return plot([*equal, *traces], x=x, y=y)


def cloud(
    points: Sequence[tuple[float, float]], look: Identity, places: Sequence[str], *, size: int = 8
) -> go.Scatter:
    """One optimizer's runs as (training, validation) loss."""
    return go.Scatter(
        x=[train for train, _ in points],
        y=[validation for _, validation in points],
        mode="markers",
        marker=look.mark(size) | {"opacity": 0.8},
        text=list(places),
        hovertemplate=f"{escape(look.label)} %{{text}}: %{{x:.4f}}, %{{y:.4f}}<extra></extra>",
        meta=look.name,
    )


def equal_line(points: Sequence[tuple[float, float]]) -> list[go.Scatter]:
    """The diagonal of equal losses, as far as the points' frame shows it."""
    if not points:
        return []
    low = max(min(one[axis] for one in points) for axis in (0, 1))
    high = min(max(one[axis] for one in points) for axis in (0, 1))
    if low >= high:
        return []
    line = {"color": SOFT, "width": 1.2, "dash": "dot"}
    ends = [low, high]
    return [go.Scatter(x=ends, y=ends, mode="lines", line=line, hoverinfo="skip")]
