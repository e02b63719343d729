"""The curves of the reported runs, thinned to what a figure can show."""

import numpy as np

from bestiary.analysis._observations import Observations
from bestiary.analysis._record import LossCurve
from bestiary.specs import Candidate, Cell, Planned, RunResult

POINTS = 120


def loss_curves(found: Observations, cell: Cell, one: Candidate) -> list[LossCurve]:
    """The curves of one optimizer at one cell, in order of seed."""
    group = found.get(cell, {}).get(one.name)
    if group is None:
        return []
    return [_curve(one, group.planned[seed], group.results[seed]) for seed in sorted(group.results)]


def _curve(one: Candidate, planned: Planned, result: RunResult) -> LossCurve:
    """The curve of one run."""
    tokens_per_step = planned.run.tokens // planned.run.steps
    train = [result.curve[index] for index in _thin(len(result.curve))]
    report = [evaluation for evaluation in result.evaluations if "report" in evaluation.loss]
    return LossCurve(
        run_id=result.run_id,
        optimizer=one.name,
        label=one.label,
        size=planned.cell.size,
        ratio=planned.cell.ratio,
        seed=planned.run.seed,
        state=result.state,
        train_tokens=tuple(point.step * tokens_per_step for point in train),
        train_loss=tuple(point.loss for point in train),
        report_tokens=tuple(evaluation.tokens for evaluation in report),
        report_loss=tuple(evaluation.loss["report"] for evaluation in report),
    )


def _thin(count: int) -> list[int]:
    """At most `POINTS` indices, evenly spread, the last included."""
    if count <= POINTS:
        return list(range(count))
    return sorted({round(index) for index in np.linspace(0, count - 1, POINTS)})
