"""The curves of the reported runs, thinned to what a figure can show."""

import numpy as np

from bestiary.answers.report._record import LossCurve
from bestiary.evidence import Evidence, LossCourse, Observation, SeedRun
from bestiary.laws import Array

POINTS = 120
# Single batches differ more than optimizers do: a training loss is averaged over this share of a
# run around each point, and over the last such share at the end.
WINDOW = 0.05
# Losses are float32: further decimals say nothing and make a page heavy.
DECIMALS = 6


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
        train_mean=_thinned(running_mean(run.training))[1],
        train_final=final_mean(run.training),
        report_tokens=report_tokens,
        report_loss=report_loss,
    )


def running_mean(course: LossCourse) -> LossCourse:
    """The mean loss in a window of `WINDOW` of the run around each point."""
    progress_P, loss_P = _arrays(course)
    reach = WINDOW / 2 * max(course.progress, default=0.0)
    near = [np.abs(progress_P - centre) <= reach for centre in course.progress]
    means = tuple(round(float(loss_P[around].mean()), DECIMALS) for around in near)
    return LossCourse(progress=course.progress, losses=means)


def final_mean(course: LossCourse) -> float | None:
    """The mean loss over the last `WINDOW` of the run; None of a course without losses."""
    if not course.losses:
        return None
    progress_P, loss_P = _arrays(course)
    last_P = loss_P[progress_P > (1 - WINDOW) * progress_P[-1]]
    return round(float(last_P.mean()), DECIMALS)


def _arrays(course: LossCourse) -> tuple[Array, Array]:
    return np.array(course.progress), np.array(course.losses)


def _thinned(course: LossCourse) -> tuple[tuple[int, ...], tuple[float, ...]]:
    """Progress and losses at no more than `POINTS` places, evenly spread, the last included."""
    count = len(course.losses)
    kept = sorted({round(index) for index in np.linspace(0, count - 1, min(count, POINTS))})
    return tuple(round(course.progress[at]) for at in kept), tuple(course.losses[at] for at in kept)
