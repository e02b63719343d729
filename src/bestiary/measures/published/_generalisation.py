"""Validation loss at equal training loss, by optimizer.

The final training loss is that of the last batch, so it depends on which batch that was far more
than on the optimizer. The published pairs do not state their cells, but a validation loss that also
occurs among the stored runs does: runs of equal size, ratio and batch size saw the same last batch.
"""

from collections import defaultdict
from functools import cache
from typing import NamedTuple

import numpy as np

from bestiary.evidence.published import Pair, pairs, runs
from bestiary.laws import Array
from bestiary.specs import Estimate

# Runs further above the best of their cell are badly tuned ones, where a line is no longer enough.
NEAR = 0.1
FEWEST = 3
ROUNDING = 1e-4
# Of the normal distribution: 95% lie within so many standard errors.
Z95 = 1.96


class Offset(NamedTuple):
    """An optimizer's validation loss minus AdamW's at equal training loss, in nats.

    Attributes:
        median: Over cells.
        error: Its standard error, from the spread over cells.
        cells: How many cells have at least `FEWEST` runs of both.
    """

    median: float
    error: float
    cells: int

    @property
    def estimate(self) -> Estimate:
        """The median with its 95% interval."""
        half = Z95 * self.error
        return Estimate(value=self.median, low=self.median - half, high=self.median + half)


@cache
def offsets() -> dict[str, Offset]:
    """The offset of every optimizer that shares at least three cells with AdamW."""
    collected: dict[str, list[float]] = defaultdict(list)
    for cell in _cells():
        means = _mean_residuals(cell)
        for name, residual in means.items():
            if name != "adamw" and "adamw" in means:
                collected[name].append(residual - means["adamw"])
    return {
        name: _offset(np.array(found))
        for name, found in sorted(collected.items())
        if len(found) >= FEWEST
    }


def _offset(found: Array) -> Offset:
    """Median and median absolute deviation: in a few cells the last batch evidently differed.

    There the gap jumps by 0.02 to 0.04 nats, alike for different optimizers, ten times the rest.
    """
    median = float(np.median(found))
    deviation = 1.4826 * float(np.median(np.abs(found - median)))
    error = max(1.2533 * deviation / np.sqrt(found.size), ROUNDING)
    return Offset(median, float(error), found.size)


def _cells() -> list[list[Pair]]:
    """Well-tuned pairs by the size, ratio and batch size of the run they belong to."""
    place = {
        (run.optimizer, run.loss): (run.size, run.ratio, run.settings["train_batch_size"])
        for run in runs()
        if run.state == "done"
    }
    cells: dict[object, list[Pair]] = defaultdict(list)
    for pair in pairs():
        if (pair.optimizer, pair.validation) in place:
            cells[place[pair.optimizer, pair.validation]].append(pair)
    return [
        [pair for pair in cell if pair.validation < min(p.validation for p in cell) + NEAR]
        for cell in cells.values()
    ]


def _mean_residuals(cell: list[Pair]) -> dict[str, float]:
    """Each optimizer's mean distance from a line common to all, with equal slope for each.

    The slope is estimated within optimizers, so that differences between them do not bend it.
    """
    by_name = {
        name: np.array([[p.train, p.validation] for p in cell if p.optimizer == name])
        for name in sorted({pair.optimizer for pair in cell})
    }
    by_name = {name: points for name, points in by_name.items() if len(points) >= FEWEST}
    if "adamw" not in by_name:
        return {}
    inner = np.concatenate([points - points.mean(axis=0) for points in by_name.values()])
    slope = (inner[:, 0] @ inner[:, 1]) / (inner[:, 0] @ inner[:, 0])
    return {
        name: float(np.mean(points[:, 1] - slope * points[:, 0]))
        for name, points in by_name.items()
    }
