"""The figure of the tuner duel: how far the best seen lies above the pool's best, run by run."""

from pathlib import Path

import plotly.graph_objects as go

from bestiary.measures.published import TunerDuel
from bestiary.report import _words as words
from bestiary.report._exhibit import Exhibit, Panel, plot
from bestiary.report._files import write_exhibits
from bestiary.report._identity import Identity, looks_of

# Regrets below this are shown at it, in nats.
FLOOR = 1e-4


def write_duel(found: TunerDuel, folder: Path, form: str = "svg") -> list[Path]:
    """Write the figure and its caption.

    Raises:
        UserError: the folder cannot be written, or the browser failed.
    """
    looks = looks_of({one.tuner: (one.tuner, "scalar") for one in found.courses})
    return write_exhibits([_exhibit(found, looks)], looks, folder, form)


def _exhibit(found: TunerDuel, looks: dict[str, Identity]) -> Exhibit:
    runs = list(range(1, 1 + len(found.courses[0].regrets)))
    traces = [
        go.Scatter(
            x=runs,
            y=[max(one, FLOOR) for one in course.regrets],
            mode="lines+markers",
            line=looks[course.tuner].stroke(1.5),
            marker=looks[course.tuner].mark(6),
            meta=course.tuner,
        )
        for course in found.courses
    ]
    figure = plot(
        traces,
        x={"title": "runs seen", "dtick": 2},
        y={"title": words.in_nats("above the best"), "type": "log"},
    )
    return Exhibit(
        key="duel",
        title="Tuners on the published runs",
        caption=(
            f"How far the best run seen lies above the best of its pool, on average over "
            f"{found.pools} pools and {found.starts} starts in each. The pools are stars around "
            "where coordinate descent ended, which favours it."
        ),
        panels=(Panel("", figure),),
        header=("tuner", *(f"after {run}" for run in runs)),
        rows=tuple(
            (one.tuner, *(f"{regret:.4f}" for regret in one.regrets)) for one in found.courses
        ),
    )
