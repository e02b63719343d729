"""The loss curve as arXiv 2509.02046 fits it, so that its numbers come back to the last digit.

    L(D) = a D^(-B) + b

with D the data-to-model ratio (tokens over 20 N). The study fits it to one size at a time by
unweighted least squares, `scipy.optimize.curve_fit` from p0 = (L_first - L_last, 0.5, L_last),
without bounds. Three parameters through four points: `fit_study_form` gives the study's number, and
`fit_study_forms` the same minimum for thousands of redrawn curves at once, for intervals.

Source: arXiv 2509.02046, section 4, and the released `speedup_estimation.py`.
"""

import warnings
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bestiary.errors import UserError

Array = NDArray[np.float64]

# The exponents searched for redrawn curves; outside them the curve is a line or a step.
EXPONENTS = (0.01, 3.0)
_GRID = np.geomspace(*EXPONENTS, 121)
_GOLDEN = (np.sqrt(5.0) - 1.0) / 2.0


class StudyForm(NamedTuple):
    """A fitted L(D) = a D^-B + b; every field may carry leading axes, one curve per entry.

    Attributes:
        a: Nats per token above the asymptote at D = 1.
        B: The exponent.
        b: The asymptote, nats per token.
    """

    a: Array
    B: Array
    b: Array

    def loss(self, ratio: Array | float) -> Array:
        """L at a data-to-model ratio."""
        return self.a * np.asarray(ratio) ** -self.B + self.b

    def ratio(self, loss: Array | float) -> Array:
        """The ratio D at which the curve has this loss: ((l - b) / a)^(-1/B).

        Infinite where no amount of data reaches the loss (it is not above the asymptote).
        """
        above = np.asarray(loss) - self.b
        reached = above > 0
        safe = np.where(reached, above, 1.0)
        with np.errstate(over="ignore"):
            found = np.exp(np.minimum(-np.log(safe / self.a) / self.B, 700.0))
        return np.where(reached, found, np.inf)


def fit_study_form(ratio: Array, loss: Array) -> StudyForm:
    """The study's fit of one curve, exactly as released.

    Args:
        ratio: D, shape (points,), at least three different values, ascending.
        loss: L in nats per token, shape (points,).

    Raises:
        UserError: too few points, or points through which the form does not go.
    """
    # Here, because it takes longer to import than everything else in `laws` together.
    from scipy.optimize import OptimizeWarning, curve_fit

    ratio, loss = np.asarray(ratio, float), np.asarray(loss, float)
    different = np.unique(ratio).size
    if different < 3:
        raise UserError(
            f"a curve a D^-B + b needs at least 3 data-to-model ratios, got {different}; "
            "add ratios, or use a form with fewer parameters"
        )
    start = (loss[0] - loss[-1], 0.5, loss[-1])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", OptimizeWarning)
            (a, B, b), _ = curve_fit(_curve, ratio, loss, p0=start, maxfev=20_000)
    except RuntimeError:
        raise UserError(
            "the study's fit does not converge on losses "
            f"{', '.join(f'{value:.4f}' for value in loss)}; use the bounded fit"
        ) from None
    return StudyForm(np.asarray(a), np.asarray(B), np.asarray(b))


def fit_study_forms(ratio: Array, losses: Array) -> StudyForm:
    """The same least-squares minimum for many curves over the same ratios.

    For a fixed B the form is linear in (a, b), so their best values and the residual follow in
    closed form (variable projection), and only B is searched: a grid, then golden section.
    B stays within `EXPONENTS`.

    Args:
        ratio: D, shape (points,).
        losses: L, shape (curves, points).

    Returns:
        A form whose fields have shape (curves,).
    """
    ratio, losses = np.asarray(ratio, float), np.asarray(losses, float)
    x_GP = ratio ** -_GRID[:, None]
    best = np.argmin(_residual(x_GP, losses), axis=1)
    low = _GRID[np.maximum(best - 1, 0)]
    high = _GRID[np.minimum(best + 1, _GRID.size - 1)]
    B = _golden_section(ratio, losses, low, high)
    a, b = _line(ratio ** -B[:, None], losses)
    return StudyForm(a, B, b)


def _curve(ratio: Array, a: float, B: float, b: float) -> Array:
    return a * ratio**-B + b


def _residual(x_GP: Array, losses_CP: Array) -> Array:
    """Residual sum of squares of every curve C on every regressor G: shape (C, G)."""
    x = x_GP - x_GP.mean(axis=1, keepdims=True)
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    y = losses_CP - losses_CP.mean(axis=1, keepdims=True)
    return (y * y).sum(axis=1)[:, None] - (y @ unit.T) ** 2


def _line(x_CP: Array, y_CP: Array) -> tuple[Array, Array]:
    """Slope and intercept of each row of y on the same row of x."""
    x = x_CP - x_CP.mean(axis=1, keepdims=True)
    slope = (x * y_CP).sum(axis=1) / (x * x).sum(axis=1)
    return slope, y_CP.mean(axis=1) - slope * x_CP.mean(axis=1)


def _explained(ratio: Array, losses_CP: Array, B_C: Array) -> Array:
    """What each curve's fit explains at its own B; its maximum is the least squares."""
    x = ratio ** -B_C[:, None]
    x = x - x.mean(axis=1, keepdims=True)
    return (x * losses_CP).sum(axis=1) ** 2 / (x * x).sum(axis=1)


def _golden_section(ratio: Array, losses_CP: Array, low: Array, high: Array) -> Array:
    """The B of each curve that explains most, within (low, high), to a millionth of it."""
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    of_left, of_right = (_explained(ratio, losses_CP, B) for B in (left, right))
    for _ in range(30):
        keep_left = of_left > of_right
        low, high = np.where(keep_left, low, left), np.where(keep_left, right, high)
        # One inner point of the narrower bracket is an old one; the other is new.
        new = np.where(keep_left, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        of_new = _explained(ratio, losses_CP, new)
        left, right = np.where(keep_left, new, right), np.where(keep_left, left, new)
        of_left, of_right = (
            np.where(keep_left, of_new, of_right),
            np.where(keep_left, of_left, of_new),
        )
    return 0.5 * (low + high)
