"""Exhibits of the losses: against the ratio, less the baseline's, and along each run."""

from collections.abc import Sequence
from html import escape

import plotly.graph_objects as go

from bestiary.answers.report import Analysis, LossCurve, Row
from bestiary.measures import BaselineLaw
from bestiary.report import _words as words
from bestiary.report._exhibit import (
    Exhibit,
    Panel,
    dodged,
    ends,
    loss_range,
    plot,
    ratio_axis,
    whiskers,
)
from bestiary.report._identity import Identity, identities, translucent
from bestiary.report._labels import LineName, label_ends, named
from bestiary.report._subject import Subject
from bestiary.specs import Estimate

OWN = "Mean report loss at the end of the tuned runs on fresh seeds, with its 95% interval"
OWN_GAP = "95% intervals, from which the luck that a seed brings to both is taken out"


def loss_against_ratio(subject: Subject, *, what: str = OWN) -> Exhibit:
    """Loss of every optimizer against the ratio, one panel a size, with the baseline's law.

    Args:
        subject: The study.
        what: Which losses they are, as the caption begins.
    """
    laws = {law.size: law for law in subject.laws}
    panels = []
    for size in subject.sizes:
        rows = [row for row in subject.rows if row.size == size and row.loss.value is not None]
        if rows:
            panels.append(Panel(f"size {size}", _ratio_plot(rows, subject, laws.get(size))))
    return Exhibit(
        key="loss-ratio",
        title="Loss against the amount of data",
        caption=(
            f"{what}; lower is better. Dashed: the law fitted to {subject.label}, with its 95% "
            "band."
        ),
        panels=tuple(panels),
        header=(
            *("size", "ratio", "optimizer", "loss ± seeds", "95% of the mean"),
            *("bits per byte", "seeds", "optimizer state"),
        ),
        rows=tuple(_loss_cells(row) for row in subject.rows),
    )


def loss_below_baseline(subject: Subject, *, noise: str = OWN_GAP) -> Exhibit:
    """Every loss less the baseline's at the same data, where differences can be seen.

    Args:
        subject: The study.
        noise: Where the intervals come from, for the caption.
    """
    panels = []
    for size in subject.sizes:
        rows = [row for row in subject.rows if row.size == size and _has_gap(row)]
        if rows:
            panels.append(Panel(f"size {size}", _gap_plot(rows, subject)))
    return Exhibit(
        key="loss-gap",
        title=f"Loss below {subject.label}'s at equal data",
        caption=(
            f"Every loss less {subject.label}'s after the same number of tokens; lower is better. "
            f"{noise}: one that crosses 0 decides nothing."
        ),
        panels=tuple(panels),
        header=("size", "ratio", "optimizer", "loss", f"less {subject.label}'s", "seeds"),
        rows=tuple(_gap_cells(row) for row in subject.rows if row.verdict != "baseline"),
    )


def _loss_cells(row: Row) -> tuple[str, ...]:
    interval = row.loss.interval(".4f") or words.NOTHING
    bits = words.NOTHING if row.bits_per_byte is None else f"{row.bits_per_byte:.4f}"
    place = (row.size, words.ratio(row.ratio), row.label)
    told = words.seeds(row)
    return (*place, words.loss(row), interval, bits, told, words.size_of(row.state_bytes))


def _has_gap(row: Row) -> bool:
    return row.verdict != "baseline" and row.loss_difference.value is not None


def _gap_cells(row: Row) -> tuple[str, ...]:
    place = (row.size, words.ratio(row.ratio), row.label, words.loss(row))
    gap = row.loss_difference
    return (*place, words.NOTHING if gap.value is None else gap.text("+.4f"), words.seeds(row))


def _ratio_plot(rows: Sequence[Row], subject: Subject, law: BaselineLaw | None) -> go.Figure:
    traces = [] if law is None else _law_traces(law, subject.looks[subject.baseline])
    losses = [row.loss for row in rows]
    drawn, labels = _lines(rows, subject, losses)
    y = {"title": words.in_nats("loss"), "range": loss_range(ends(losses))}
    x = ratio_axis(sorted({row.ratio for row in rows}))
    return label_ends(plot([*traces, *drawn], x=x, y=y), labels)


def _gap_plot(rows: Sequence[Row], subject: Subject) -> go.Figure:
    gaps = [row.loss_difference for row in rows]
    drawn, labels = _lines(rows, subject, gaps)
    title = words.in_nats(f"loss less {subject.label}'s")
    y = {"title": title, "range": loss_range([0.0, *ends(gaps)])}
    figure = plot(drawn, x=ratio_axis(sorted({row.ratio for row in rows})), y=y)
    figure.add_hline(y=0, line={"width": 1.5, "color": subject.looks[subject.baseline].colour})
    return label_ends(figure, labels)


def _lines(
    rows: Sequence[Row], subject: Subject, values: Sequence[Estimate]
) -> tuple[list[go.Scatter], list[LineName]]:
    """A line an optimizer through these values of the rows; the baseline, on its law, has none."""
    traces, labels = [], []
    looks = subject.looks
    for place, look in enumerate(looks.values()):
        own = [pair for pair in zip(rows, values, strict=True) if pair[0].optimizer == look.name]
        if not own:
            continue
        traces.append(
            go.Scatter(
                x=[dodged(row.ratio, place, len(looks)) for row, _ in own],
                y=[one.value for _, one in own],
                error_y=whiskers([one for _, one in own], 0.0, 0.0),
                mode="markers" if own[0][0].verdict == "baseline" else "lines+markers",
                line=look.stroke(1.5),
                marker=look.mark(8),
                text=[words.told(row) for row, _ in own],
                hovertemplate=f"{escape(look.label)}, %{{text}}<extra></extra>",
                meta=look.name,
            )
        )
        labels.append(named(look, own[-1][1].value or 0.0))
    return traces, labels


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
    looks = identities(analysis.rows)
    panels = []
    for size, ratio in dict.fromkeys((one.size, one.ratio) for one in analysis.curves):
        curves = [one for one in analysis.curves if (one.size, one.ratio) == (size, ratio)]
        panels.append(Panel(f"size {words.cell(size, ratio)}", _curve_plot(curves, looks)))
    return Exhibit(
        key="curves",
        title="Loss along each run",
        caption=(
            "Faint: training loss, the running mean over 5% of the run. With markers: "
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


def _curve_plot(curves: Sequence[LossCurve], looks: dict[str, Identity]) -> go.Figure:
    traces = [trace for one in curves for trace in _course(one, looks[one.optimizer])]
    loss: dict[str, object] = {"title": words.in_nats("loss")}
    bounds = _without_the_start(curves)
    if bounds:
        loss["range"] = list(bounds)
    figure = plot(traces, x={"title": "training tokens", "rangemode": "tozero"}, y=loss)
    last = {one.optimizer: one.report_loss[-1] for one in curves if one.report_loss}
    labels = [named(looks[name], end) for name, end in last.items()]
    return label_ends(figure, labels if bounds else [])


def _course(one: LossCurve, look: Identity) -> list[go.Scatter]:
    """Training loss and report loss of one run."""
    told = f"{look.label}, {words.cell(one.size, one.ratio)}, seed {one.seed}"
    return [
        go.Scatter(
            x=one.train_tokens,
            y=one.train_mean,
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
            hovertemplate=f"{escape(told)}: %{{y:.4f}} after %{{x:.3s}} tokens<extra></extra>",
            meta=look.name,
        ),
    ]


def _without_the_start(curves: Sequence[LossCurve]) -> tuple[float, float] | None:
    """A loss range that begins where the first steep fall is over, at a fifth of the run."""
    late = [
        loss
        for one in curves
        for tokens, loss in (
            *zip(one.train_tokens, one.train_mean, strict=True),
            *zip(one.report_tokens, one.report_loss, strict=True),
        )
        if tokens >= 0.2 * max(one.train_tokens, default=0)
    ]
    if not late:
        return None
    low, high = min(late), max(late)
    return low - 0.04 * (high - low), high
