"""One row: an optimizer at a cell, with everything that is known about it."""

from collections.abc import Sequence

import numpy as np

from bestiary.answers.report._record import Row, SeedLoss
from bestiary.evidence import Contender, Observation
from bestiary.measures import CellMeasures


def row(contender: Contender, one: Observation, measured: CellMeasures) -> Row:
    """The row of one optimizer at one cell, also where nothing has run yet."""
    done = one.done
    return Row(
        optimizer=one.optimizer,
        label=contender.label,
        family=contender.family,
        size=one.size,
        ratio=one.ratio,
        parameters=round(one.parameters),
        tokens=round(one.tokens),
        loss=measured.loss,
        loss_deviation=_deviation(one.losses),
        seeds=tuple(
            SeedLoss(seed=run.seed, loss=run.loss, state=run.state, run_id=run.run_id)
            for run in one.runs
        ),
        pending=one.pending,
        diverged=one.count("diverged"),
        bits_per_byte=_mean([run.bits_per_byte for run in done if run.bits_per_byte is not None]),
        configuration=one.settings,
        tuned=one.tuning.coordinates,
        unbracketed=one.tuning.unbracketed,
        inherited_from=one.tuning.cell if one.tuning.inherited else None,
        loss_difference=measured.difference,
        token_speedup=measured.speedup,
        time_speedup=measured.time_speedup,
        step_time_ratio=measured.step_time_ratio,
        step_seconds=_mean([run.step_seconds for run in done if run.step_seconds is not None]),
        state_bytes=max((run.state_bytes for run in done if run.state_bytes), default=None),
        verdict=measured.verdict,
    )


def _mean(values: Sequence[float]) -> float | None:
    """The mean; None of nothing."""
    return float(np.mean(values)) if values else None


def _deviation(values: Sequence[float]) -> float | None:
    """The standard deviation between seeds; None below two."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
