"""Crossings of two optimizers: the fit of their advantages over cells, and over batch sizes.

The log of an advantage in data is taken as linear in log N and log D over the cells measured, and
the loss gap as linear in the log of the batch size. What a line gets wrong counts as noise: the
residuals' variance beyond that of the losses is added to every cell of every draw.

Shape suffixes: K draws, C cells, Q coefficients.
"""

import math
from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from bestiary.evidence import Tried
from bestiary.laws import Array
from bestiary.measures._crossing import Crossing, Plane, crossing
from bestiary.measures._drawn import Drawn
from bestiary.measures._size_draws import BaselineFit
from bestiary.specs import Cell, Setting

Names = tuple[str, str]


# Nats per e-fold of data below which the baseline's curve is flat.
_FLAT = 1e-6
# Share of the draws in which a curve must fall for a number read off it to be told.
_ENOUGH = 0.95
# A loss is read at least this share of the baseline's fall above its asymptote.
_LEAST = 0.05


class Batches(NamedTuple):
    """The lowest loss of both optimizers at each batch size, in sequences."""

    first: Mapping[int, float]
    second: Mapping[int, float]

    @property
    def shared(self) -> list[int]:
        """Batch sizes at which both were run, ascending."""
        return sorted(set(self.first) & set(self.second))


def log_advantage(
    curve: BaselineFit, ratio: float, first: Drawn | None, second: Drawn | None
) -> Drawn | None:
    """Log of the data the second loss stands for over that of the first: how far the first leads.

    (log(l2 - b) - log(l1 - b)) / B on the baseline's curve. The curve's doubt tilts advantages at
    short against those at long horizons, so every draw has a curve of its own. None where the
    curve is flat, in more than one draw of twenty; fewer flat draws are left out.

    Args:
        curve: The baseline's a D^-B + b and K draws of it.
        ratio: Of the cell.
        first: Loss of the first and its K draws; None where it is the baseline, on its curve.
        second: The same of the second.
    """
    a, exponent, b = (
        np.append(getattr(curve.law, name), getattr(curve.laws, name))
        for name in ("a", "exponent", "b")
    )
    fall = a * ratio**-exponent
    falls = fall * exponent >= _FLAT
    if not falls[0] or falls.mean() < _ENOUGH:
        return None
    fall = np.where(falls, fall, 1.0)
    logs = [
        np.log(fall)
        if one is None
        else np.log(np.maximum(np.append(one.value, one.draws) - b, _LEAST * fall))
        for one in (first, second)
    ]
    gap = (logs[1] - logs[0]) / exponent
    return Drawn(float(gap[0]), _filled(gap[1:], falls[1:]))


def _filled(draws_K: Array, known_K: NDArray[np.bool_]) -> Array:
    """Draws in which a number does not exist, replaced by others in which it does, in turn."""
    known = np.flatnonzero(known_K)
    place_K = np.arange(draws_K.size)
    return draws_K[np.where(known_K, place_K, known[place_K % known.size])]


def lowest_by_batch(tried: Iterable[Tried]) -> dict[int, float]:
    """The lowest loss at each batch size at which two learning rates or more were tried.

    A batch size tried at another's learning rate alone loses for that reason, and says nothing.

    Args:
        tried: Runs of a tuning; those that state no batch size are passed over.
    """
    rates: dict[int, set[Setting | None]] = {}
    best: dict[int, float] = {}
    for run in tried:
        if run.batch_size is None:
            continue
        rates.setdefault(run.batch_size, set()).add(run.settings.get("learning_rate"))
        if run.loss is not None:
            best[run.batch_size] = min(run.loss, best.get(run.batch_size, math.inf))
    return {batch: loss for batch, loss in sorted(best.items()) if len(rates[batch]) > 1}


def over_cells(
    advantages: Mapping[Cell, Drawn], parameters: Mapping[str, float], names: Names, seed: int
) -> list[Crossing]:
    """The plane through all cells, cut at every ratio along size and at every size along ratio.

    Args:
        advantages: Log of the first's advantage in data over the second, by cell.
        parameters: N of every size.
        names: The two.
        seed: Decides the draws of what the plane gets wrong.
    """
    cells = list(advantages)
    sizes = {cell.size: parameters[cell.size] for cell in cells}
    ratios = sorted({cell.ratio for cell in cells})
    columns = [np.ones(len(cells))]
    axes: dict[str, int] = {}
    for axis, logs in (
        ("size", [math.log(sizes[cell.size]) for cell in cells]),
        ("ratio", [math.log(cell.ratio) for cell in cells]),
    ):
        if len(cells) > len(columns) and np.ptp(logs) > 0:
            axes[axis] = len(columns)
            columns.append(np.array(logs))
    if not axes:
        return []
    value_C = np.array([advantages[cell].value for cell in cells])
    draws_CK = np.stack([advantages[cell].draws for cell in cells])
    plane = Plane(axes, *_fitted(np.stack(columns, axis=1), value_C, draws_CK, seed))
    found = []
    if "size" in axes:
        bounds = min(sizes.values()), max(sizes.values())
        for ratio in ratios:
            found.append(crossing("size", {"ratio": ratio}, bounds, names, plane))
    if "ratio" in axes:
        for parameters_of_one in sizes.values():
            bounds = ratios[0], ratios[-1]
            found.append(crossing("ratio", {"size": parameters_of_one}, bounds, names, plane))
    return found


def over_batches(
    batches: Batches, parameters: float, ratio: float, names: Names, own_K: Array, *, seed: int
) -> Crossing | None:
    """Where the loss gap changes sign with the batch size; None below two sizes in common.

    Args:
        batches: The losses, of single runs on one seed, whose shared noise cancels.
        parameters: N of the cell.
        ratio: Its ratio.
        names: The two.
        own_K: Draws of the standard deviation of one optimizer's own noise, in nats.
        seed: Decides the noise.
    """
    shared = batches.shared
    if len(shared) < 2:
        return None
    gap_C = np.array([batches.second[batch] - batches.first[batch] for batch in shared])
    generator = np.random.default_rng([seed, len(shared)])
    noise_CK = generator.normal(size=(len(shared), own_K.size)) * own_K * math.sqrt(2)
    design_CQ = np.stack([np.ones(len(shared)), np.log(shared)], axis=1)
    fitted = _fitted(design_CQ, gap_C, gap_C[:, None] + noise_CK, seed)
    held = {"size": parameters, "ratio": ratio}
    bounds = float(shared[0]), float(shared[-1])
    return crossing("batch", held, bounds, names, Plane({"batch": 1}, *fitted))


def _fitted(design_CQ: Array, value_C: Array, draws_CK: Array, seed: int) -> tuple[Array, Array]:
    """Coefficients of the numbers (Q,) and of their draws (Q, K), the misfit among the noise."""
    solve_QC = np.linalg.pinv(design_CQ)
    value_Q = solve_QC @ value_C
    freedom = len(value_C) - design_CQ.shape[1]
    if freedom:
        apart_CC = np.eye(len(value_C)) - design_CQ @ solve_QC
        expected = float(np.trace(apart_CC @ np.atleast_2d(np.cov(draws_CK))))
        residual_C = apart_CC @ value_C
        beyond = max(0.0, float(residual_C @ residual_C) - expected) / freedom
        generator = np.random.default_rng([seed, freedom])
        draws_CK = draws_CK + math.sqrt(beyond) * generator.normal(size=draws_CK.shape)
    return value_Q, solve_QC @ draws_CK
