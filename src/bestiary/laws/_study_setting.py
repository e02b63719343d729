"""The hyperparameter law of arXiv 2509.02046 as released, for comparison.

    h(N, D) = a N^x D^y + c,    D the data-to-model ratio,

by `scipy.optimize.curve_fit` from (0, -1/2, -1/2, mean of h), without bounds, on all tuned cells
but the first and the last. Four parameters on values from a grid of a few: nothing keeps a
prediction in the range that can run, and where a starts at 0 the exponents have no effect at first,
so that even a law of this very form need not be found.

Source: the released `hyper_scaling.py`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from bestiary.errors import UserError
from bestiary.laws._power import Array

# Of the published fits five take more, along a valley; two of those end nowhere at 200,000 either.
_EVALUATIONS = 40_000
# No limit of MINPACK's own, which would not count what a Jacobian takes.
_NONE = 2**31 - 1
# The step of a difference, relative to its parameter, and the places of a matrix that it moves.
_STEP = float(np.sqrt(np.finfo(float).eps))
_MOVED = (np.arange(1, 5), np.arange(4))


class _Exhausted(Exception):  # noqa: N818 - not an error of anybody's
    """All evaluations were spent."""


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
    scales, kept = kept_cells(parameters, ratios, values)
    start = (0.0, -0.5, -0.5, float(kept.mean()))
    a, x, y, c = _Residuals(scales, kept).least_squares(start)
    return StudySetting((a, x, y, c), condition_of_setting(scales, a, x, y))


def kept_cells(parameters: ArrayLike, ratios: ArrayLike, values: ArrayLike) -> tuple[Array, Array]:
    """What the study fits: rows of N and D, and the values, without the two ends.

    Raises:
        UserError: fewer than six cells.
    """
    scales = np.stack([np.asarray(parameters, float), np.asarray(ratios, float)])[:, 1:-1]
    kept = np.asarray(values, float)[1:-1]
    if kept.size < 4:
        raise UserError(
            f"the study's hyperparameter law needs at least 6 tuned cells, got {kept.size + 2}; "
            "use the power law in logs"
        )
    return scales, kept


class _Residuals:
    """The law less the values, as MINPACK's `lmdif` evaluates it within `curve_fit`.

    The same numbers in about half the time: the four differences of a Jacobian are one evaluation.
    """

    def __init__(self, scales: Array, values: Array) -> None:
        """Take the scales of the cells, in two rows, and a value for each."""
        self._sizes, self._ratios = np.ascontiguousarray(scales[0]), np.ascontiguousarray(scales[1])
        self._values = values
        self._evaluations = 0
        self._one = np.empty_like(values), np.empty_like(values)
        self._five = np.empty((5, values.size)), np.empty((5, values.size))
        self._points, self._steps = np.empty((5, 4)), np.empty(4)

    def least_squares(self, start: tuple[float, ...]) -> tuple[float, ...]:
        """The parameters where it ends.

        Raises:
            UserError: it does not end within its evaluations.
        """
        # Here, because it takes longer to import than everything else in `laws` together.
        from scipy.optimize import leastsq

        # What scipy calls beforehand to see the shapes, the law twice and the slopes once, is not
        # of its count.
        self._evaluations = -2 - len(start)
        try:
            with np.errstate(all="ignore"):
                found, *_, reason = leastsq(
                    self._at,
                    start,
                    Dfun=self._slopes,
                    col_deriv=True,
                    full_output=True,
                    maxfev=_NONE,
                )
        except _Exhausted:
            reason = 0
        if reason not in (1, 2, 3, 4):
            raise UserError(
                "the study's hyperparameter law does not converge on these values; "
                "use the power law in logs"
            )
        return tuple(float(value) for value in found)

    def _at(self, point: Array) -> Array:
        self._count(1)
        return self._evaluated(point.tolist(), *self._one)

    def _slopes(self, point: Array) -> Array:
        """Forward differences over the steps that `lmdif` takes, a row for each parameter."""
        self._count(len(point))
        points, steps = self._points, self._steps
        steps[:] = [_STEP * abs(value) or _STEP for value in point.tolist()]
        points[:] = point
        points[_MOVED] += steps
        found = self._evaluated([points[:, k : k + 1] for k in range(4)], *self._five)
        return (found[1:] - found[0]) / steps[:, None]

    def _evaluated(self, parameters: Sequence[Any], found: Array, other: Array) -> Array:
        """What the law says less the values; in place, in the order of `_form`."""
        a, x, y, c = parameters
        np.power(self._sizes, x, found)
        np.multiply(found, a, found)
        np.power(self._ratios, y, other)
        np.multiply(found, other, found)
        np.add(found, c, found)
        return np.subtract(found, self._values, found)

    def _count(self, evaluations: int) -> None:
        if self._evaluations >= _EVALUATIONS:
            raise _Exhausted
        self._evaluations += evaluations


def _form(scales: Array, a: float, x: float, y: float, c: float) -> Array:
    """The law at rows of N and D."""
    found: Array = a * scales[0] ** x * scales[1] ** y + c
    return found


def condition_of_setting(scales: Array, a: float, x: float, y: float) -> float:
    """The condition number of the Jacobian by (a, x, y, c), columns scaled to length 1."""
    with np.errstate(over="ignore", invalid="ignore"):
        power = scales[0] ** x * scales[1] ** y
    columns = [power, a * power * np.log(scales[0]), a * power * np.log(scales[1])]
    jacobian = np.stack([*columns, np.ones_like(power)], axis=1)
    lengths = np.linalg.norm(jacobian, axis=0)
    if not (np.isfinite(lengths).all() and (lengths > 0).all()):
        return float("inf")
    singular = np.linalg.svd(jacobian / lengths, compute_uv=False)
    return float(singular[0] / singular[-1]) if singular[-1] > 0 else float("inf")
