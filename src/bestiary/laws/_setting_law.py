"""How a tuned hyperparameter changes with scale: a power law, if it beats a constant.

    log h = c - A log N - B log D

by least squares on the tuned values of several cells. The alternative is the constant c, the
geometric mean. Which of them is believed is decided by held-out error: every size in turn is left
out and predicted from the others (every ratio where there is one size), because a law is asked
about a size that nobody has tuned. The interval does not lean on that choice: it is that of the
power law, which has the constant as a special case. Optima are read off a grid, whose rounding is
known (step^2 / 12) and taken off the scatter; none is known better than that.

Shape suffixes: P points, Q coefficients.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from bestiary.errors import UserError
from bestiary.laws._power import Array
from bestiary.laws._student import student_quantile
from bestiary.specs import Feasible

Kind = Literal["constant", "power law"]
# Tuning grids are spaced by factors of two.
STEP = math.log(2.0)
# What stands for the end of the log scale where every tuned value lies there.
_END = 1e-300


@dataclass(frozen=True)
class SettingLaw:
    """A law of one hyperparameter.

    Attributes:
        kind: Which of the two predicts held-out scales better.
        coefficients: (c, A, B) with N and D in units of `scale`; A and B are 0 for a constant, and
            for what did not vary.
        general: The same of the law that the interval rests on: the power law wherever it can be
            judged, whether it is believed or not.
        covariance: Of `general`, in log units squared, shape (3, 3).
        deviation: Of one optimum around `general`, in log units.
        freedom: Degrees of freedom of `deviation`.
        scale: Geometric means of N and D.
        errors: Held-out root mean square error of each kind, in log units; a kind that cannot be
            judged is absent.
        held_out: What was left out in turn, `size` or `ratio`; empty where nothing could be.
        feasible: What the hyperparameter can be.
        note: What a reader must know; empty where nothing.
    """

    kind: Kind
    coefficients: Array
    general: Array
    covariance: Array
    deviation: float
    freedom: int
    scale: tuple[float, float]
    errors: dict[Kind, float]
    held_out: str
    feasible: Feasible
    note: str = ""

    def predict(self, parameters: float, tokens: float) -> tuple[float, float, float]:
        """A value that can run at N and D, and the 95% interval of the optimum."""
        row = np.array(
            [1.0, -math.log(parameters / self.scale[0]), -math.log(tokens / self.scale[1])]
        )
        value = self._value(float(row @ self.coefficients))
        spread = math.sqrt(self.deviation**2 + float(row @ self.covariance @ row))
        reach = spread * student_quantile(0.975, max(self.freedom, 1))
        ends = [self._value(float(row @ self.general) + side * reach) for side in (-1, 1)]
        return self.feasible.nearest(value), min(*ends, value), max(*ends, value)

    def _value(self, log_value: float) -> float:
        """From the log scale into the feasible range."""
        plain = math.exp(min(log_value, 700.0))
        plain = 1.0 - plain if self.feasible.from_one else plain
        return self.feasible.within(plain)


def fit_setting_law(
    parameters: ArrayLike,
    tokens: ArrayLike,
    values: ArrayLike,
    *,
    feasible: Feasible | None = None,
    step: float = STEP,
) -> SettingLaw:
    """The law of a hyperparameter from its tuned values.

    Args:
        parameters: N of each tuned cell.
        tokens: D of each.
        values: The tuned value of each.
        feasible: What the hyperparameter can be; any positive number where absent.
        step: Log of the ratio of neighbouring grid values.

    Raises:
        UserError: arrays of different lengths, no values, or a value that cannot run.
    """
    feasible = feasible or Feasible()
    n_P, d_P = np.asarray(parameters, float), np.asarray(tokens, float)
    logs_P, zeros = _logs(np.asarray(values, float), n_P, d_P, feasible)
    scale = (math.exp(float(np.log(n_P).mean())), math.exp(float(np.log(d_P).mean())))
    design_PQ = np.stack(
        [np.ones_like(n_P), -np.log(n_P / scale[0]), -np.log(d_P / scale[1])], axis=1
    )
    errors, held_out = _held_out_errors(design_PQ, logs_P, n_P, d_P)
    kind: Kind = "constant"
    if "power law" in errors and errors["power law"] < errors["constant"]:
        kind = "power law"
    coefficients, _ = _least_squares(design_PQ, logs_P, kind == "power law")
    general, covariance = _least_squares(design_PQ, logs_P, "power law" in errors)
    freedom = len(logs_P) - int(np.count_nonzero(np.diag(covariance)))
    residual_P = logs_P - design_PQ @ general
    rounding = step**2 / 12
    squares = max(float(residual_P @ residual_P) / freedom if freedom else 0.0, rounding)
    return SettingLaw(
        kind=kind,
        coefficients=coefficients,
        general=general,
        covariance=squares * covariance,
        deviation=math.sqrt(max(squares - rounding, rounding)),
        freedom=freedom,
        scale=scale,
        errors=errors,
        held_out=held_out,
        feasible=feasible,
        note=_note(zeros, zeros == len(logs_P), held_out),
    )


def _least_squares(design_PQ: Array, logs_P: Array, power_law: bool) -> tuple[Array, Array]:
    """The coefficients of one kind, and their covariance for a unit deviation."""
    columns = _columns(design_PQ) if power_law else [0]
    used_PQ = design_PQ[:, columns]
    coefficients, covariance = np.zeros(3), np.zeros((3, 3))
    coefficients[columns] = np.linalg.lstsq(used_PQ, logs_P, rcond=None)[0]
    covariance[np.ix_(columns, columns)] = np.linalg.inv(used_PQ.T @ used_PQ)
    return coefficients, covariance


def _logs(values_P: Array, n_P: Array, d_P: Array, feasible: Feasible) -> tuple[Array, int]:
    """Values on the log scale, those at its end replaced by the least other; how many they were."""
    if not (values_P.size and values_P.shape == n_P.shape == d_P.shape):
        raise UserError(
            "a hyperparameter law needs as many values as sizes and token counts, got "
            f"{values_P.size}, {n_P.size} and {d_P.size}"
        )
    for value in values_P:
        if not feasible.holds(float(value)):
            raise UserError(
                f"a tuned value must be feasible, but {value:g} {feasible.complaint(float(value))}"
            )
    plain_P = 1.0 - values_P if feasible.from_one else values_P
    positive_P = plain_P[plain_P > 0]
    least = float(positive_P.min()) if positive_P.size else _END
    return np.log(np.where(plain_P > 0, plain_P, least)), int((plain_P <= 0).sum())


def _columns(design_PQ: Array) -> list[int]:
    """The constant, and the scales that vary and are no multiple of those before them."""
    chosen = [0]
    for column in (1, 2):
        if np.linalg.matrix_rank(design_PQ[:, [*chosen, column]], tol=1e-6) > len(chosen):
            chosen.append(column)
    return chosen


def _held_out_errors(
    design_PQ: Array, logs_P: Array, n_P: Array, d_P: Array
) -> tuple[dict[Kind, float], str]:
    """Root mean square errors of both kinds on scales they have not seen."""
    ratio_P = np.round(np.log(d_P / n_P), 3)
    groups_P, name = (n_P, "size") if len(set(n_P)) > 1 else (ratio_P, "ratio")
    folds = [groups_P == value for value in sorted(set(groups_P.tolist()))]
    if len(folds) < 2:
        return {}, ""
    missed: dict[Kind, list[Array]] = {"constant": [], "power law": []}
    for left_P in folds:
        seen_PQ = design_PQ[~left_P]
        kinds: tuple[tuple[Kind, list[int]], ...] = (
            ("constant", [0]),
            ("power law", _columns(seen_PQ)),
        )
        for kind, columns in kinds:
            solution = np.linalg.lstsq(seen_PQ[:, columns], logs_P[~left_P], rcond=None)[0]
            missed[kind].append(logs_P[left_P] - design_PQ[left_P][:, columns] @ solution)
    errors = {kind: math.sqrt(np.mean(np.concatenate(m) ** 2)) for kind, m in missed.items()}
    # Two scales leave one to fit and one to test: no slope can be learnt from one.
    if len(folds) < 3:
        errors.pop("power law")
    return errors, name


def _note(zeros: int, all_of_them: bool, held_out: str) -> str:
    """What a reader must know of a law."""
    notes = []
    if all_of_them:
        notes.append("Every tuned value lies at the end of the range.")
    elif zeros:
        notes.append(
            f"{zeros} tuned values lie at the end of the log scale; the least other "
            "stands for them."
        )
    if not held_out:
        notes.append("One scale only: nothing could be held out, so a constant is all there is.")
    return " ".join(notes)
