"""The own noise of one size: by optimizer and ratio, and how far a seed's luck lasts over ratios.

A seed's luck with one optimizer is partly the same at every ratio, so a mean over ratios does not
average it away. Its share is drawn as freely as the runs leave it, from the sums of squares between
seeds and within them, each over a chi-squared number.

Shape suffixes: K draws, C cells (an optimizer at a ratio).
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from bestiary.evidence import Key, Observation
from bestiary.laws import RESOLUTION, Array, draw_variances
from bestiary.measures._drawn import stream

# Degrees of freedom between seeds that are added without any lasting luck.
_NOTHING = 4.0


class OwnNoise(NamedTuple):
    """Draws of one size's own noise.

    Attributes:
        deviations: Standard deviation of one loss at every cell, in nats.
        lasting: Share of that variance which is a seed's luck at all ratios.
    """

    deviations: dict[Key, Array]
    lasting: Array


class _Residuals(NamedTuple):
    """What is left of the losses of a cell without the means of optimizers and seeds."""

    values: dict[tuple[str, int], float]
    freedom: float


def own_noise(
    found: Sequence[Observation], pooled_K: Array, *, measured: bool, seed: int
) -> OwnNoise:
    """The own noise of one size.

    Args:
        found: What has a loss there.
        pooled_K: Draws of the pooled standard deviation.
        measured: Whether that was measured; the same everywhere, and independent, where not.
        seed: Decides the draws.
    """
    residuals = {ratio: _residuals(found, ratio) for ratio in {one.ratio for one in found}}
    freedom = sum(one.freedom for one in residuals.values())
    if not measured or freedom <= 0 or not found:
        return OwnNoise({one.key: pooled_K for one in found}, np.zeros(pooled_K.size))
    squares_C = np.array([_square(residuals[one.ratio], one) for one in found])
    freedom_C = np.array([_freedom(residuals[one.ratio], one) for one in found])
    generator = stream(seed, found[0].size, "variances")
    effects = ([one.optimizer for one in found], [one.ratio for one in found])
    variance_KC = draw_variances(squares_C, freedom_C, effects, pooled_K**2, generator)
    deviations = {
        one.key: np.maximum(np.sqrt(variance_KC[:, place]), RESOLUTION)
        for place, one in enumerate(found)
    }
    typical = {key: float(np.median(drawn_K)) for key, drawn_K in deviations.items()}
    return OwnNoise(deviations, _lasting(found, residuals, typical, generator, pooled_K.size))


def _residuals(found: Sequence[Observation], ratio: float) -> _Residuals:
    """Of the runs of one ratio whose optimizer has two seeds or more."""
    runs = [
        (one.optimizer, run.seed, run.loss)
        for one in found
        if one.ratio == ratio and len(one.done) > 1
        for run in one.done
        if run.seed is not None and run.loss is not None
    ]
    if not runs:
        return _Residuals({}, 0.0)
    names, seeds = (sorted({run[part] for run in runs}) for part in (0, 1))
    # Where no two optimizers ran a seed its luck with all cannot be told from its luck with one.
    shared = len({(name, number) for name, number, _ in runs}) > len(seeds)
    design = np.zeros((len(runs), len(names) + len(seeds)))
    for row, (name, number, _) in enumerate(runs):
        design[row, names.index(name)] = 1.0
        design[row, len(names) + seeds.index(number)] = float(shared)
    losses = np.array([run[2] for run in runs])
    solution, _, rank, _ = np.linalg.lstsq(design, losses, rcond=None)
    left = losses - design @ solution
    values = {(run[0], run[1]): float(one) for run, one in zip(runs, left, strict=True)}
    return _Residuals(values, float(len(runs) - int(rank)))


def _square(left: _Residuals, one: Observation) -> float:
    return sum(value**2 for (name, _), value in left.values.items() if name == one.optimizer)


def _freedom(left: _Residuals, one: Observation) -> float:
    """A cell's share of the freedom of its ratio."""
    own = sum(name == one.optimizer for name, _ in left.values)
    return left.freedom * own / len(left.values) if own else 0.0


def _lasting(
    found: Sequence[Observation],
    residuals: dict[float, _Residuals],
    typical: dict[Key, float],
    generator: np.random.Generator,
    count: int,
) -> Array:
    """Draws of the share of the variance that a seed's luck keeps over ratios."""
    luck: dict[tuple[str, int], list[float]] = {}
    for one in found:
        for (name, number), value in residuals[one.ratio].values.items():
            if name == one.optimizer:
                luck.setdefault((name, number), []).append(value / typical[one.key])
    ratios = [len(each) for each in luck.values()]
    if not ratios or max(ratios) < 2:
        return np.zeros(count)
    every = float(np.mean(ratios))
    total = sum(one.freedom for one in residuals.values())
    between_freedom = total / every
    between = sum(len(each) * float(np.mean(each)) ** 2 for each in luck.values())
    within = sum(float(np.sum((np.array(each) - np.mean(each)) ** 2)) for each in luck.values())
    within_freedom = max(total - between_freedom, 0.5)
    within_K = within / generator.chisquare(within_freedom, count)
    # Few seeds say little of what lasts: as many more that show nothing lasting stand beside them.
    between += _NOTHING * within / within_freedom
    between_K = between / generator.chisquare(between_freedom + _NOTHING, count)
    excess_K = np.maximum(between_K - within_K, 0.0) / every
    return np.asarray(excess_K / np.maximum(excess_K + within_K, 1e-300))
