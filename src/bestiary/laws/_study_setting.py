"""The hyperparameter law of arXiv 2509.02046 as released, for comparison.

    h(N, D) = a N^x D^y + c,    D the data-to-model ratio,

by `scipy.optimize.curve_fit` from (0, -1/2, -1/2, mean of h), without bounds, on all tuned cells
but the first and the last. Four parameters on values from a grid of a few: nothing keeps a
prediction in the range that can run, and where a starts at 0 the exponents have no effect at first,
so that even a law of this very form need not be found.

Source: the released `hyper_scaling.py`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bestiary.errors import UserError
from bestiary.laws._power import Array

# Of the published fits five take more, along a valley; two of those end nowhere at 200,000 either.
_EVALUATIONS = 40_000


@dataclass(frozen=True)
class StudySetting:
    """h = a N^x D^y + c, and how well the values fix it.

    Attributes:
        values: (a, x, y, c).
        condition_number: Of the Jacobian with columns of length 1; inf where the cells leave a
            parameter free.
    """

    values: tuple[float, float, float, float]
    condition_number: float

    def predict(self, parameters: ArrayLike, ratio: ArrayLike) -> Array:
        """The hyperparameter, neither bounded nor rounded."""
        scales = np.broadcast_arrays(np.asarray(parameters, float), np.asarray(ratio, float))
        return np.asarray(_form(np.stack(scales), *self.values))


def fit_study_setting(parameters: ArrayLike, ratios: ArrayLike, values: ArrayLike) -> StudySetting:
    """The study's fit; cells in its order, sizes first, and the two ends left out as it does.

    Raises:
        UserError: fewer than six cells, or a fit that does not converge.
    """
    # Here, because it takes longer to import than everything else in `laws` together.
    from scipy.optimize import leastsq

    scales = np.stack([np.asarray(parameters, float), np.asarray(ratios, float)])[:, 1:-1]
    kept = np.asarray(values, float)[1:-1]
    if kept.size < 4:
        raise UserError(
            f"the study's hyperparameter law needs at least 6 tuned cells, got {kept.size + 2}; "
            "use the power law in logs"
        )
    start = (0.0, -0.5, -0.5, float(kept.mean()))
    # As `curve_fit` does it, without what that adds to each of up to 40,000 evaluations.
    with np.errstate(over="ignore"):
        found, *_, reason = leastsq(
            lambda at: _form(scales, *at) - kept, start, full_output=True, maxfev=_EVALUATIONS
        )
    if reason not in (1, 2, 3, 4):
        raise UserError(
            "the study's hyperparameter law does not converge on these values; "
            "use the power law in logs"
        )
    a, x, y, c = (float(value) for value in found)
    return StudySetting((a, x, y, c), _condition(scales, a, x, y))


def _form(scales: Array, a: float, x: float, y: float, c: float) -> Array:
    """The law at rows of N and D."""
    found: Array = a * scales[0] ** x * scales[1] ** y + c
    return found


def _condition(scales: Array, a: float, x: float, y: float) -> float:
    """The condition number of the Jacobian by (a, x, y, c), columns scaled to length 1."""
    power = scales[0] ** x * scales[1] ** y
    columns = [power, a * power * np.log(scales[0]), a * power * np.log(scales[1])]
    jacobian = np.stack([*columns, np.ones_like(power)], axis=1)
    lengths = np.linalg.norm(jacobian, axis=0)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        return float("inf")
    singular = np.linalg.svd(jacobian / lengths, compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] > 0 else float("inf")
