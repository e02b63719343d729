"""Runs that lie so far from the others of their cell that they are set apart, and said to be.

The loss of a run is compared with what its optimizer's other seeds and the other optimizers with
the same seed make of it, in units of the noise without it (an externally studentised residual):
that of its ratio, or that of all where it is more, so that a noisy ratio is no odd run. One is set
apart where chance would do so in fewer than one study of a hundred, the oddest first.

Shape suffixes: P runs.
"""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from msgspec.structs import replace

from bestiary.evidence._record import Observation, SeedRun
from bestiary.laws import RESOLUTION, Array

# Of one run or more among all of a size, where none is odd.
_CHANCE = 0.01
# Two seeds do not say which of them is the odd one; so few degrees of freedom say nothing.
_SEEDS, _FREEDOM = 3, 4
# Of the runs of a size at most so many are odd; more are noise.
_MOST = 0.1


class _Run(NamedTuple):
    """One finished run, and what it is compared with."""

    optimizer: str
    ratio: float
    seed: int
    loss: float


def set_apart(
    observations: Sequence[Observation], labels: Mapping[str, str] | None = None
) -> tuple[tuple[Observation, ...], list[str]]:
    """The observations with odd runs marked, and a sentence on each of them.

    Args:
        observations: Of all sizes.
        labels: What the sentences call an optimizer, where not by its name.
    """
    odd: dict[tuple[str, str, float, int], float] = {}
    for size in dict.fromkeys(one.size for one in observations):
        runs = _runs([one for one in observations if one.size == size])
        for run, off in _odd(runs):
            odd[run.optimizer, size, run.ratio, run.seed] = off
    marked = tuple(
        replace(one, runs=tuple(_marked(run, (*one.key, run.seed) in odd) for run in one.runs))
        for one in observations
    )
    names = labels or {}
    told = [
        f"Seed {seed} of {names.get(optimizer, optimizer)} at {size} {ratio:g}x lies {off:+.3g} "
        "nats from what its other seeds and the other optimizers say, and is left out of the mean: "
        "see what went wrong there."
        for (optimizer, size, ratio, seed), off in odd.items()
    ]
    return marked, told


def _marked(run: SeedRun, odd: bool) -> SeedRun:
    marked: SeedRun = replace(run, odd=True) if odd else run
    return marked


def _runs(found: Sequence[Observation]) -> list[_Run]:
    """The finished runs of stated seeds, of optimizers that have enough of them."""
    return [
        _Run(one.optimizer, one.ratio, run.seed, run.loss)
        for one in found
        if len(one.done) >= _SEEDS
        for run in one.done
        if run.seed is not None and run.loss is not None
    ]


def _odd(runs: list[_Run]) -> list[tuple[_Run, float]]:
    """The odd runs with how far off they are, the oddest first."""
    from scipy.special import stdtr

    found: list[tuple[_Run, float]] = []
    for _ in range(int(_MOST * len(runs))):
        residual_P, free_P, freedom = _residuals(runs)
        if freedom < _FREEDOM:
            break
        share_P = np.where(free_P > 1e-9, residual_P**2 / np.maximum(free_P, 1e-9), 0.0)
        rest_P = np.maximum(float(residual_P @ residual_P) - share_P, 0.0) / (freedom - 1)
        rest_P = np.maximum(rest_P, _of_ratio(runs, residual_P, free_P, share_P))
        student_P = np.sqrt(share_P / np.maximum(rest_P, RESOLUTION**2))
        worst = int(student_P.argmax())
        if 2 * len(runs) * stdtr(freedom - 1, -student_P[worst]) > _CHANCE:
            break
        found.append((runs[worst], float(residual_P[worst] / free_P[worst])))
        runs = [run for run in runs if run is not runs[worst]]
    return found


def _of_ratio(runs: Sequence[_Run], residual_P: Array, free_P: Array, share_P: Array) -> Array:
    """The variance at each run's ratio without it; 0 where nothing would be left to tell it."""
    same_PP = np.equal.outer([run.ratio for run in runs], [run.ratio for run in runs])
    square_P, freedom_P = same_PP @ residual_P**2 - share_P, same_PP @ free_P - 1
    return np.where(freedom_P > 0.5, np.maximum(square_P, 0.0) / np.maximum(freedom_P, 0.5), 0.0)


def _residuals(runs: Sequence[_Run]) -> tuple[Array, Array, int]:
    """Residuals, one less their leverage, and the freedom left, of means by cell and seed."""
    residual_P, free_P, freedom = np.zeros(len(runs)), np.zeros(len(runs)), 0
    for ratio in {run.ratio for run in runs}:
        rows = [row for row, run in enumerate(runs) if run.ratio == ratio]
        names, seeds = (sorted({runs[row][part] for row in rows}) for part in (0, 2))
        design = np.zeros((len(rows), len(names) + len(seeds)))
        for place, row in enumerate(rows):
            design[place, names.index(runs[row].optimizer)] = 1.0
            design[place, len(names) + seeds.index(runs[row].seed)] = float(len(names) > 1)
        hat = design @ np.linalg.pinv(design)
        losses = np.array([runs[row].loss for row in rows])
        residual_P[rows], free_P[rows] = losses - hat @ losses, 1 - np.diag(hat)
        freedom += len(rows) - round(float(np.trace(hat)))
    return residual_P, free_P, freedom
