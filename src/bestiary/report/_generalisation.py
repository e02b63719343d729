"""The exhibit of training against validation loss: does an optimizer generalise differently?"""

from collections.abc import Iterable, Sequence
from html import escape
from typing import NamedTuple

import plotly.graph_objects as go

from bestiary.answers.report import Analysis, LossCurve
from bestiary.answers.reproduce import Reproduction, TrainingOffset
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, plot
from bestiary.report._identity import Identity, identities
from bestiary.report._subject import Subject

SOFT = "#8a8f98"
TITLE = "Training loss against validation loss"


class Ending(NamedTuple):
    """Both losses at the end of a run, and what its marker says of it."""

    optimizer: str
    train: float
    validation: float
    told: str = ""


def training_against_validation(analysis: Analysis) -> Exhibit:
    """Final report loss against final training loss of every run, one panel a size."""
    looks = identities(analysis.rows)
    shown = [one for one in analysis.curves if one.state == "done" and one.report_loss]
    panels = []
    for size in dict.fromkeys(one.size for one in shown):
        ends = list(_endings(one for one in shown if one.size == size))
        panels.append(Panel(f"size {size}", _cloud_plot(ends, looks, "report loss", size=8)))
    return Exhibit(
        key="train-validation",
        title=TITLE,
        caption=(
            "Every finished run, all ratios. An optimizer that generalises better at equal "
            "training loss lies below the others; dotted, where in view: equal losses. The "
            "training loss is the mean over the last 5% of the run, the validation loss "
            "that of the report set; their data differ, so only distances between optimizers count."
        ),
        panels=tuple(panels),
        header=("size", "ratio", "optimizer", "seed", "training loss", "report loss"),
        rows=tuple(_cells(one) for one in shown),
    )


def _endings(curves: Iterable[LossCurve]) -> Iterable[Ending]:
    for one in curves:
        if one.train_final is not None:
            told = f", {words.cell(one.size, one.ratio)}, seed {one.seed}"
            yield Ending(one.optimizer, one.train_final, one.report_loss[-1], escape(told))


def _cells(one: LossCurve) -> tuple[str, ...]:
    training = words.NOTHING if one.train_final is None else f"{one.train_final:.4f}"
    place = (one.size, words.ratio(one.ratio), one.label, str(one.seed))
    return (*place, training, f"{one.report_loss[-1]:.4f}")


def published_training_against_validation(found: Reproduction, subject: Subject) -> Exhibit:
    """The same of every published run, and the offsets that remain at equal training loss."""
    ends = [Ending(one.optimizer, one.train, one.validation) for one in found.pairs]
    shown = [one for one in found.offsets if one.optimizer in subject.looks]
    return Exhibit(
        key="train-validation",
        title=TITLE,
        caption=(
            f"First: {len(ends)} published runs; dotted: equal losses. They scatter because a "
            "training loss is that of one batch. Second: what remains at equal training loss when "
            "runs of equal size, ratio and batch size, which saw the same last batch, are "
            f"compared: validation loss less {subject.label}'s, median over cells with its 95% "
            "interval. Left of 0 generalises better."
        ),
        panels=(
            Panel("all runs", _cloud_plot(ends, subject.looks, "validation loss", size=4)),
            Panel(f"less {subject.label}'s at equal training loss", _offset_plot(shown, subject)),
        ),
        header=("optimizer", "runs", f"validation less {subject.label}'s", "cells"),
        rows=tuple(
            (
                subject.looks[one.optimizer].label,
                str(one.runs),
                words.NOTHING if one.offset.value is None else one.offset.text("+.4f"),
                str(one.cells),
            )
            for one in shown
        ),
    )


def _cloud_plot(
    ends: Sequence[Ending], looks: dict[str, Identity], validation: str, *, size: int
) -> go.Figure:
    traces = []
    for look in looks.values():
        own = [one for one in ends if one.optimizer == look.name]
        if own:
            traces.append(_cloud(own, look, size))
    x = {"title": words.in_nats("training loss")}
    y = {"title": words.in_nats(validation)}
    return plot([*_equal_line(ends), *traces], x=x, y=y)


def _cloud(own: Sequence[Ending], look: Identity, size: int) -> go.Scatter:
    """One optimizer's runs."""
    return go.Scatter(
        x=[one.train for one in own],
        y=[one.validation for one in own],
        mode="markers",
        marker=look.mark(size) | {"opacity": 0.8},
        text=[one.told for one in own],
        hovertemplate=f"{escape(look.label)}%{{text}}: %{{x:.4f}}, %{{y:.4f}}<extra></extra>",
        meta=look.name,
    )


def _equal_line(ends: Sequence[Ending]) -> list[go.Scatter]:
    """The diagonal of equal losses, as far as the points' frame shows it."""
    if not ends:
        return []
    train, validation = [one.train for one in ends], [one.validation for one in ends]
    low, high = max(min(train), min(validation)), min(max(train), max(validation))
    if low >= high:
        return []
    line = {"color": SOFT, "width": 1.2, "dash": "dot"}
    return [go.Scatter(x=[low, high], y=[low, high], mode="lines", line=line, hoverinfo="skip")]


def _offset_plot(shown: Sequence[TrainingOffset], subject: Subject) -> go.Figure:
    traces = [
        go.Scatter(
            x=[1000 * one.offset.value],
            y=[escape(look.label)],
            error_x={
                "type": "data",
                "array": [1000 * (one.offset.high - one.offset.value)],
                "thickness": 1.4,
                "width": 4,
            },
            mode="markers",
            marker=look.mark(9),
            hovertemplate=f"{escape(look.label)}: %{{x:+.2f}}, {one.cells} cells<extra></extra>",
            meta=look.name,
        )
        for one in reversed(shown)
        for look in [subject.looks[one.optimizer]]
        if one.offset.value is not None and one.offset.high is not None
    ]
    x = {"title": "validation loss, thousandths of a nat per token"}
    figure = plot(traces, x=x, y={"type": "category"})
    return figure.add_vline(x=0, line={"width": 1.5, "color": SOFT})
