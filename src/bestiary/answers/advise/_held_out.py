"""How often advice held what was measured, of speedups that it had no part of."""

import math
from collections.abc import Sequence

import numpy as np

from bestiary.errors import UserError
from bestiary.evidence import Evidence, require_results
from bestiary.measures import FormCheck, HeldOutCell, JointModel, Measures
from bestiary.specs import Spec


class HeldOutCount(Spec, frozen=True, kw_only=True):
    """What was counted where one ratio, or one size, was left out in turn.

    Attributes:
        left_out: `ratio` or `size`.
        cells: Measured speedups that were predicted.
        inside: How many of them lie within the 95% interval of the prediction.
        error: Root mean square error, in logs (0.05 is 5%).
        width: Median upper over lower end of the intervals.
    """

    left_out: str
    cells: int
    inside: int
    error: float
    width: float


class HeldOut(Spec, frozen=True, kw_only=True):
    """How well advice predicts the results that it rests on.

    Attributes:
        forms: The laws compared, with the held-out error that chooses among them.
        counts: Of the law that is believed.
        cells: Every prediction behind them.
    """

    source: str
    forms: tuple[FormCheck, ...]
    counts: tuple[HeldOutCount, ...]
    cells: tuple[HeldOutCell, ...]


def held_out(evidence: Evidence) -> HeldOut:
    """Predict every measured speedup from the other ratios, and from the other sizes.

    Raises:
        UserError: results too few for a law, or for one without a ratio or a size.
    """
    require_results(evidence)
    model = JointModel(Measures(evidence))
    cells = tuple(model.held_out[model.used].cells())
    if not cells:
        raise UserError(
            "a prediction is tested on ratios and sizes that are left out, three of either kind; "
            f"{evidence.name} has fewer measured speedups"
        )
    kinds = dict.fromkeys(one.left_out for one in cells)
    return HeldOut(
        source=evidence.source,
        forms=model.checks,
        counts=tuple(_count([one for one in cells if one.left_out == kind]) for kind in kinds),
        cells=cells,
    )


def _count(cells: Sequence[HeldOutCell]) -> HeldOutCount:
    errors = [math.log(one.measured / (one.predicted.value or 1.0)) for one in cells]
    widths = [(one.predicted.high or 1.0) / (one.predicted.low or 1.0) for one in cells]
    return HeldOutCount(
        left_out=cells[0].left_out,
        cells=len(cells),
        inside=sum(one.inside for one in cells),
        error=float(np.sqrt(np.mean(np.square(errors)))),
        width=float(np.median(widths)),
    )
