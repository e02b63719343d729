"""What the form of arXiv 2509.02046 predicts for a hyperparameter, and whether that can run."""

from collections.abc import Sequence
from typing import NamedTuple

from bestiary.errors import UserError
from bestiary.laws import fit_setting_form
from bestiary.specs import Feasible


class StudyPrediction(NamedTuple):
    """One hyperparameter at a target scale, by the study's form.

    Attributes:
        value: As the form does: neither bounded nor rounded; None where there are too few cells for
            it or it runs off to infinity.
        problem: Why that cannot run, the value included: `322.7 is no power of two`; empty where it
            can.
        condition: Condition number of the fit; None where a value is free.
    """

    value: float | None
    problem: str
    condition: float | None


def study_prediction(
    cells: Sequence[tuple[float, float]],
    values: Sequence[float],
    target: tuple[float, float],
    feasible: Feasible,
) -> StudyPrediction:
    """The study's form on tuned values, read at a target.

    Args:
        cells: N and ratio of every tuned cell, sizes first.
        values: What was tuned there.
        target: N and ratio asked for.
        feasible: What the hyperparameter can be.
    """
    try:
        law = fit_setting_form([size for size, _ in cells], [ratio for _, ratio in cells], values)
    except UserError:
        return StudyPrediction(None, "", None)
    value = law.predict(*target)
    condition = law.condition_number if law.condition_number < float("inf") else None
    if value is None:
        return StudyPrediction(None, "", condition)
    return StudyPrediction(value, _problem(value, feasible), condition)


def _problem(value: float, feasible: Feasible) -> str:
    """A value that cannot run and why, in as many digits as show it; no fit knows more than six."""
    problem = feasible.complaint(float(f"{value:.6g}"))
    if not problem:
        return ""
    short = f"{value:.4g}"
    return f"{short if feasible.complaint(float(short)) else f'{value:.6g}'} {problem}"
