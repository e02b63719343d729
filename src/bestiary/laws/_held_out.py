"""How well a joint law predicts losses it has not seen.

Shape suffixes: K folds, P points, Q parameters.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bestiary.laws._descent import descend
from bestiary.laws._joint_data import JointData, JointPrior
from bestiary.laws._joint_fit import fit_joint_law
from bestiary.laws._joint_problem import JointProblem
from bestiary.laws._joint_terms import JointForm
from bestiary.laws._power import Array


def held_out_errors(
    data: JointData,
    form: JointForm,
    folds: Sequence[NDArray[np.int64]],
    *,
    prior: JointPrior | None = None,
    huber: float | None = None,
) -> list[Array]:
    """Observed less predicted losses of each fold, from a fit to all the others.

    Args:
        data: The losses.
        form: The terms of the law.
        folds: For each fold, the indices of the points left out.
        prior: What is assumed before the data.
        huber: As for the fit.
    """
    fit = fit_joint_law(data, form, prior=prior, huber=huber)
    problem = JointProblem(data, form, prior or JointPrior(), huber)
    kept_KP = np.ones((len(folds), len(data.which)))
    for fold, points in enumerate(folds):
        kept_KP[fold, points] = 0.0
    start_KQ = np.tile(fit.law.values, (len(folds), 1))
    values_KQ, _ = descend(*problem.batch(fit.scatter.total, start_KQ, kept_KP=kept_KP))
    predicted_KP = problem.terms.loss(values_KQ)
    return [problem.losses[points] - predicted_KP[k, points] for k, points in enumerate(folds)]
