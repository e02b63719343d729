"""The curves of the reported runs, thinned to what a figure can show."""

import numpy as np

from bestiary.answers.report._record import LossCurve
from bestiary.evidence import Evidence, LossCourse, Observation, SeedRun

POINTS = 120


def loss_curves(evidence: Evidence) -> tuple[LossCurve, ...]:
    """The curves of every run that has one, by cell, optimizer and seed."""
    return tuple(
        _curve(evidence.contenders[one.optimizer].label, one, run)
        for one in evidence.observations
        for run in one.runs
        if run.training.losses or run.validation.losses
    )


def _curve(label: str, one: Observation, run: SeedRun) -> LossCurve:
    """The curve of one run."""
    train_tokens, train_loss = _thinned(run.training)
    report_tokens, report_loss = _thinned(run.validation)
    return LossCurve(
        run_id=run.run_id,
        optimizer=one.optimizer,
        label=label,
        size=one.size,
        ratio=one.ratio,
        seed=run.seed,
        state=run.state,
        train_tokens=train_tokens,
        train_loss=train_loss,
        report_tokens=report_tokens,
        report_loss=report_loss,
    )


def _thinned(course: LossCourse) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Progress and losses at no more than `POINTS` places, evenly spread, the last included."""
    count = len(course.losses)
    kept = sorted({round(index) for index in np.linspace(0, count - 1, min(count, POINTS))})
    return tuple(round(course.progress[at]) for at in kept), tuple(course.losses[at] for at in kept)
