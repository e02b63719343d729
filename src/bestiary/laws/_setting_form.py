"""The hyperparameter law of arXiv 2509.02046 at its least squares: what the form says of the data.

    h(N, D) = a N^x D^y + c,    D the data-to-model ratio

`fit_study_setting` is the search that was released. Where the values do not fix its form it walks
along a valley and stops where rounding has it stop, after up to thousands of steps: towards
x = y = 0, where only a logarithm is left of the power, or towards a step from one cell to the rest.
Both are ends, and both predict. For given x and y the best a and c follow (variable projection,
Golub and Pereyra 1973), so two values are searched, in polar coordinates, in which nothing happens
at either end:

    h = c + a (e^u - 1) / r,    u = r (cos t log(N / N0) + sin t log(D / D0))

The way is the released one: downhill from x = y = -1/2, and not through r = 0, which the search
hardly ever comes through: so the released predictions come back.

Shape suffixes: P cells, V the two values (t, r).
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bestiary.laws._power import Array
from bestiary.laws._study_setting import condition_of_setting, kept_cells

_START = (math.atan2(-0.5, -0.5), math.hypot(0.5, 0.5))
# A power that changes by e^36 over the cells is a step to all digits; half of them are a step too.
_STEP = 36.0
_STEPS = 200
# Relative to what there is to explain.
_TOLERANCE = 1e-13
_STUCK = 1e8
# Below this r the basis is summed from its series, whose next term is then beyond all digits.
_SERIES = 1e-5


@dataclass(frozen=True)
class SettingForm:
    """h = a N^x D^y + c at its least squares, or at the end that this runs to.

    Attributes:
        scale: N0 and D0, the geometric means of the cells.
        angle: t.
        radius: r; 0 where a logarithm is left.
        slope: a in the formula with r.
        constant: c in the formula with r.
        highest: The greatest u of the cells.
        step: Whether a step is left.
        condition_number: Of the Jacobian by (a, x, y, c) with columns of length 1; inf where the
            cells leave a value free.
    """

    scale: tuple[float, float]
    angle: float
    radius: float
    slope: float
    constant: float
    highest: float
    step: bool
    condition_number: float

    def predict(self, parameters: float, ratio: float) -> float | None:
        """The hyperparameter, neither bounded nor rounded; None where a step has no bound there."""
        sizes, ratios = math.log(parameters / self.scale[0]), math.log(ratio / self.scale[1])
        direction = math.cos(self.angle) * sizes + math.sin(self.angle) * ratios
        reach = self.radius * direction
        if self.slope and reach > (self.highest if self.step else 700.0):
            return None
        return self.constant + self.slope * float(_basis(np.array([direction]), self.radius)[0])


def fit_setting_form(parameters: ArrayLike, ratios: ArrayLike, values: ArrayLike) -> SettingForm:
    """The form on the cells that the study fits it to: all but the first and the last, in order.

    Raises:
        UserError: fewer than six cells.
    """
    scales, kept_P = kept_cells(parameters, ratios, values)
    logs = np.log(scales)
    middle = logs.mean(1)
    sizes_P, ratios_P = logs - middle[:, None]
    values_P = kept_P - kept_P.mean()
    # What adding has left of equal values is nothing to explain.
    values_P = values_P * (np.abs(values_P).max() > 1e-12 * np.abs(kept_P).max())
    problem = _SettingProblem(sizes_P, ratios_P, values_P)
    found = problem.descend()
    reach_P = found.radius * problem.direction(found.angle)
    step = float(np.ptp(reach_P)) > _STEP / 2
    # At either end a and an exponent say the same.
    condition = math.inf
    if found.radius > 0 and not step:
        exponents = (found.radius * math.cos(found.angle), found.radius * math.sin(found.angle))
        condition = condition_of_setting(scales, found.slope, *exponents)
    return SettingForm(
        scale=(math.exp(middle[0]), math.exp(middle[1])),
        angle=found.angle,
        radius=found.radius,
        slope=found.slope,
        constant=float(kept_P.mean()) - found.slope * found.level,
        highest=float(reach_P.max()),
        step=step,
        condition_number=condition,
    )


@dataclass(frozen=True)
class _Point:
    """The best law for one (t, r).

    Attributes:
        angle: t.
        radius: r.
        slope: a of the best line on the basis.
        level: Mean of the basis over the cells.
        residuals: Values less the law, shape (P,).
        jacobian: Of the law by (t, r), a and c going with them, shape (P, V).
    """

    angle: float
    radius: float
    slope: float
    level: float
    residuals: Array
    jacobian: Array

    @property
    def cost(self) -> float:
        """Sum of squares."""
        return float(self.residuals @ self.residuals)


class _SettingProblem:
    """Values less their mean, over cells at centred logarithms of N and D."""

    def __init__(self, sizes_P: Array, ratios_P: Array, values_P: Array) -> None:
        self._sizes_P, self._ratios_P, self._values_P = sizes_P, ratios_P, values_P
        self.total = float(values_P @ values_P)

    def direction(self, angle: float) -> Array:
        """Of every cell u / r."""
        return math.cos(angle) * self._sizes_P + math.sin(angle) * self._ratios_P

    def at(self, angle: float, radius: float) -> _Point:
        """The best law there, and where it goes (Kaufman 1975, without what residuals add)."""
        direction_P = self.direction(angle)
        turned_P = self.direction(angle + math.pi / 2)
        basis_P = _basis(direction_P, radius)
        level = float(basis_P.mean())
        slopes_PV = np.stack(
            [np.exp(radius * direction_P) * turned_P, _by_radius(direction_P, radius)], axis=1
        )
        centred_P = basis_P - level
        unit_P = centred_P / max(float(np.linalg.norm(centred_P)), 1e-300)
        along = float(unit_P @ self._values_P)
        slope = along / max(float(np.linalg.norm(centred_P)), 1e-300)
        slopes_PV = slopes_PV - slopes_PV.mean(0)
        return _Point(
            angle=angle,
            radius=radius,
            slope=slope,
            level=level,
            residuals=self._values_P - along * unit_P,
            jacobian=slope * (slopes_PV - np.outer(unit_P, unit_P @ slopes_PV)),
        )

    def descend(self) -> _Point:
        """Levenberg and Marquardt's way down from the released start."""
        now, damping = self.at(*_START), 1e-3
        for _ in range(_STEPS):
            moved = self._moved(now, damping)
            fall = now.cost - moved.cost
            if fall > 0:
                now, damping = moved, max(damping / 5, 1e-9)
                if fall < _TOLERANCE * self.total:
                    break
            else:
                damping *= 5
                if damping > _STUCK:
                    break
        return now

    def _moved(self, now: _Point, damping: float) -> _Point:
        """One step: at most half a radian, at most twice the radius, and within both ends."""
        curvature_VV = now.jacobian.T @ now.jacobian
        # Where the cells have one size or one ratio, t and r move the same.
        scale_V = damping * np.diag(curvature_VV) + 1e-12 * np.trace(curvature_VV) + 1e-300
        turn, stretch = np.linalg.solve(
            curvature_VV + np.diag(scale_V), now.jacobian.T @ now.residuals
        )
        angle = now.angle + min(max(turn, -0.5), 0.5)
        radius = now.radius + min(stretch, max(now.radius, 0.2))
        if radius <= 0:
            return self.at(self._logarithm(now.angle), 0.0)
        return self.at(angle, min(radius, _STEP / max(float(np.ptp(self.direction(angle))), 1e-9)))

    def _logarithm(self, angle: float) -> float:
        """The best t at r = 0, where the law is linear in the logarithms; on the side of `angle`.

        There t and t + pi are one law, and two ways into the plane.
        """
        logs_P2 = np.stack([self._sizes_P, self._ratios_P], axis=1)
        along, across = np.linalg.lstsq(logs_P2, self._values_P, rcond=None)[0]
        best = math.atan2(across, along)
        return best if math.cos(best - angle) > 0 else best + math.pi


def _basis(direction_P: Array, radius: float) -> Array:
    """(e^u - 1) / r, u = r times the direction; the direction itself at r = 0."""
    reach_P = radius * direction_P
    if radius < _SERIES:
        return np.asarray(direction_P * (1 + reach_P / 2 + reach_P**2 / 6))
    return np.asarray(np.expm1(reach_P) / radius)


def _by_radius(direction_P: Array, radius: float) -> Array:
    """The derivative of the basis by r."""
    reach_P = radius * direction_P
    if radius < _SERIES:
        return np.asarray(direction_P**2 * (0.5 + reach_P / 3 + reach_P**2 / 8))
    return np.asarray((reach_P * np.exp(reach_P) - np.expm1(reach_P)) / radius**2)
