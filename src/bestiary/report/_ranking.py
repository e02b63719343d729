"""The exhibit of the ranking over training: who led when, and whether it meant anything."""

from html import escape

import numpy as np
import plotly.graph_objects as go

from bestiary.analysis import Analysis, LossCurve
from bestiary.laws import Array
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, plot
from bestiary.report._identity import Identity, identities
from bestiary.report._noise import BAND, half_width, own_noise

# The first fall dwarfs every later difference: the panel is scaled to what comes after it.
FALLEN = 0.25


def ranking(analysis: Analysis) -> Exhibit:
    """Every optimizer's loss less that of the final winner, over the training; a panel a cell."""
    looks = identities(analysis)
    panels: list[Panel] = []
    rows: list[tuple[str, ...]] = []
    for size, ratio in dict.fromkeys((one.size, one.ratio) for one in analysis.curves):
        own = [one for one in analysis.curves if (one.size, one.ratio) == (size, ratio)]
        seeds, share_P, gap = _gaps(own)
        if len(gap) < 2 or not share_P.size:
            continue
        band = half_width(own_noise(analysis, size), len(seeds))
        title = f"size {size} at {words.ratio(ratio)}"
        panels.append(Panel(title, _plot(share_P, gap, looks, band)))
        rows += _orders((size, words.ratio(ratio)), share_P, gap, looks)
    return Exhibit(
        key="ranking",
        title="Ranking over training",
        caption=(
            "Report loss in excess of that of the optimizer that wins at the end, averaged over "
            "the seeds that all of a cell finished. Below 0 a comparison stopped there would have "
            "named another winner; inside the grey band it would have decided nothing (95%, seed "
            "noise of the report runs). The first quarter may leave the panel."
        ),
        panels=tuple(panels),
        header=("size", "ratio", "share of training", "from the lowest loss"),
        rows=tuple(rows),
    )


def _gaps(curves: list[LossCurve]) -> tuple[list[int], Array, dict[str, Array]]:
    """Shared seeds, shares of training P, and each optimizer's mean loss above the winner's."""
    runs: dict[str, dict[int, tuple[Array, Array]]] = {}
    for one in curves:
        if one.state == "done" and len(one.report_loss) > 1:
            share = np.array(one.report_tokens) / one.report_tokens[-1]
            runs.setdefault(one.optimizer, {})[one.seed] = share, np.array(one.report_loss)
    if not runs:
        return [], np.array([]), {}
    seeds = sorted(set.intersection(*(set(found) for found in runs.values())))
    axes = [found[seed][0] for found in runs.values() for seed in seeds]
    if not axes:
        return [], np.array([]), {}
    # The axis of the run evaluated least often, from where all have been evaluated.
    share_P = min(axes, key=lambda axis: axis.size)
    share_P = share_P[share_P >= max(axis[0] for axis in axes) - 1e-12]
    loss = {
        name: np.mean([np.interp(share_P, *found[seed]) for seed in seeds], axis=0)
        for name, found in runs.items()
    }
    winner = min(loss, key=lambda name: loss[name][-1])
    return seeds, share_P, {name: one_P - loss[winner] for name, one_P in loss.items()}


def _plot(
    share_P: Array, gap: dict[str, Array], looks: dict[str, Identity], band: float
) -> go.Figure:
    traces = []
    for name, gap_P in gap.items():
        look = looks[name]
        traces.append(
            go.Scatter(
                x=(100 * share_P).tolist(),
                y=gap_P.tolist(),
                mode="lines+markers",
                line=look.stroke(1.6),
                marker=look.mark(7),
                hovertemplate=f"{escape(look.label)} at %{{x:.0f}}%: %{{y:+.4f}}<extra></extra>",
                meta=name,
            )
        )
    late = [float(value) for gap_P in gap.values() for value in gap_P[share_P >= FALLEN]]
    low, high = min([-band, *late]), max([band, *late])
    margin = 0.08 * (high - low) or 0.01
    y = {"title": "excess loss (nats/token)", "range": [low - margin, high + margin]}
    x = {"title": "share of training", "range": [0, 104], "ticksuffix": "%"}
    figure = plot(traces, x=x, y=y)
    if band:
        figure.add_hrect(y0=-band, y1=band, fillcolor=BAND, line_width=0, layer="below")
    return figure


def _orders(
    cell: tuple[str, str], share_P: Array, gap: dict[str, Array], looks: dict[str, Identity]
) -> list[tuple[str, ...]]:
    """The ranking at every evaluation, in words."""
    rows: list[tuple[str, ...]] = []
    for point, share in enumerate(share_P):
        order = sorted(gap, key=lambda name: gap[name][point])
        rows.append((*cell, f"{share:.0%}", ", ".join(looks[name].label for name in order)))
    return rows
