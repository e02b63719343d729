"""How well a joint law predicts what it has not seen.

Shape suffixes: K folds, P points, Q parameters.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bestiary.laws._descent import descend
from bestiary.laws._joint import JointLaw
from bestiary.laws._joint_data import JointData, JointPrior
from bestiary.laws._joint_fit import JointFit, fit_joint_law
from bestiary.laws._joint_problem import JointProblem
from bestiary.laws._joint_terms import JointForm
from bestiary.laws._power import Array


class HeldOutLaw(NamedTuple):
    """A law fitted without some of the points.

    Attributes:
        law: The law.
        covariance: Of its values, linearised, the prior included; shape (Q, Q).
    """

    law: JointLaw
    covariance: Array


def held_out_laws(
    data: JointData,
    form: JointForm,
    folds: Sequence[NDArray[np.int64]],
    *,
    prior: JointPrior | None = None,
    huber: float | None = None,
    fit: JointFit | None = None,
) -> list[HeldOutLaw]:
    """The law of each fold, from a fit to all points but those of the fold.

    Args:
        data: The losses.
        form: The terms of the law.
        folds: For each fold, the indices of the points left out.
        prior: What is assumed before the data, and all there is where a fold leaves a value free.
        huber: As for the fit.
        fit: To all points, where there is one already.
    """
    fit = fit or fit_joint_law(data, form, prior=prior, huber=huber)
    problem = JointProblem(data, form, prior or JointPrior(), huber)
    kept_KP = np.ones((len(folds), len(data.which)))
    for fold, points in enumerate(folds):
        kept_KP[fold, points] = 0.0
    start_KQ = np.tile(fit.law.values, (len(folds), 1))
    values_KQ, _ = descend(*problem.batch(fit.scatter.total, start_KQ, kept_KP=kept_KP))
    return [
        HeldOutLaw(
            law=JointLaw(form, data.optimizers, data.scale, values_Q),
            covariance=problem.covariance(values_Q, fit.scatter.total, kept_P),
        )
        for values_Q, kept_P in zip(values_KQ, kept_KP, strict=True)
    ]


def held_out_errors(
    data: JointData,
    form: JointForm,
    folds: Sequence[NDArray[np.int64]],
    *,
    prior: JointPrior | None = None,
    huber: float | None = None,
    fit: JointFit | None = None,
) -> list[Array]:
    """Observed less predicted losses of each fold, from a fit to all the others.

    Args:
        data: The losses.
        form: The terms of the law.
        folds: For each fold, the indices of the points left out.
        prior: What is assumed before the data.
        huber: As for the fit.
        fit: To all points, where there is one already.
    """
    problem = JointProblem(data, form, prior or JointPrior(), huber)
    laws = held_out_laws(data, form, folds, prior=prior, huber=huber, fit=fit)
    return [
        problem.residuals(one.law.values)[points] for one, points in zip(laws, folds, strict=True)
    ]
