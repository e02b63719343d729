"""One row: an optimizer at a cell, with everything that is known about it."""

import numpy as np

from bestiary.analysis._draws import Key, SizeDraws
from bestiary.analysis._estimates import estimate, missing
from bestiary.analysis._evidence import Evidence
from bestiary.analysis._observations import Reported
from bestiary.analysis._record import Estimate, Row, SeedLoss
from bestiary.analysis._speedups import (
    loss_difference,
    speedup_and_verdict,
    time_ratio,
    time_speedup,
)
from bestiary.analysis._tuning import origin
from bestiary.specs import Candidate, Cell


def row(evidence: Evidence, one: Candidate, cell: Cell) -> Row:
    """The row of one optimizer at one cell, also where nothing has run yet."""
    group = evidence.found.get(cell, {}).get(one.name, Reported())
    source = origin(evidence.study, evidence.tuning, one.name, cell, group.configuration)
    key = (one.name, cell)
    draws = evidence.sizes[cell.size]
    speedup, verdict = speedup_and_verdict(evidence, key, group)
    done = list(group.done.values())
    model = evidence.study.sizes[cell.size]
    return Row(
        optimizer=one.name,
        label=one.label,
        family=one.family,
        size=cell.size,
        ratio=cell.ratio,
        parameters=model.matrix_parameters,
        tokens=next((planned.run.tokens for planned in group.planned.values()), 0),
        loss=_loss(draws, key, group),
        loss_deviation=_deviation(list(group.losses.values())),
        seeds=_seeds(group),
        pending=len(group.planned) - len(group.results),
        diverged=sum(result.state == "diverged" for result in group.results.values()),
        bits_per_byte=_mean([r.bits_per_byte["report"] for r in done if r.bits_per_byte]),
        configuration=group.configuration,
        tuned=source.coordinates,
        unbracketed=source.unbracketed,
        inherited_from=None if source.cell == cell else source.cell,
        loss_difference=loss_difference(evidence, key),
        token_speedup=speedup,
        time_speedup=time_speedup(evidence, key, speedup),
        step_time_ratio=time_ratio(evidence, key),
        step_seconds=_mean([result.step_seconds for result in done if result.step_seconds > 0]),
        state_bytes=max((result.state_bytes for result in done), default=None),
        verdict=verdict,
    )


def _loss(draws: SizeDraws, key: Key, group: Reported) -> Estimate:
    """The mean loss, or why there is none."""
    if key in draws.losses:
        return estimate(draws.losses[key].value, draws.losses[key].draws, note=_lost_runs(group))
    if not group.planned:
        return missing("no reported run is planned yet")
    return missing(_lost_runs(group) or "no reported run has finished yet")


def _lost_runs(group: Reported) -> str:
    """Runs that give no loss, in words."""
    lost = [
        f"{count} of {len(group.results)} seeds {state}"
        for state in ("diverged", "failed")
        if (count := sum(result.state == state for result in group.results.values()))
    ]
    tail = "; the mean is over the rest" if lost and group.losses else ""
    return ", ".join(lost) + tail


def _seeds(group: Reported) -> tuple[SeedLoss, ...]:
    """The outcome of each reported run, in order of seed."""
    return tuple(
        SeedLoss(seed=seed, loss=group.losses.get(seed), state=group.results[seed].state)
        for seed in sorted(group.results)
    )


def _mean(values: list[float]) -> float | None:
    """The mean; None of nothing."""
    return float(np.mean(values)) if values else None


def _deviation(values: list[float]) -> float | None:
    """The standard deviation between seeds; None below two."""
    return float(np.std(values, ddof=1)) if len(values) > 1 else None
