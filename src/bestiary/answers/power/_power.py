"""How many seeds and cells it takes to see a speedup.

A speedup s at ratio D shows as a loss lower by  gap = L(D) - L(s D)  on the baseline's curve. Where
the curve is flat the gap is small, so the same noise hides more speedup at long horizons. Two means
of n runs differ by noise of  sqrt(2 / n)  times that of one run; in differences paired by seed only
the own part of the noise counts. A noise that was measured with few degrees of freedom may be
larger than it seems; the power is its mean over that doubt.

An own study's intervals allow for the luck of tuning, which seeds do not lessen: the power is that
of the interval which holds both, and a gap within the allowance is found by no number of seeds.
"""

import math
from collections.abc import Iterable
from typing import TypedDict

from bestiary.answers.power._t_power import (
    MOST,
    POWER,
    cells_needed,
    hidden_by,
    seeds_needed,
    t_power,
)
from bestiary.errors import UserError
from bestiary.evidence import Evidence, SeedNoise, require_results
from bestiary.laws import RESOLUTION
from bestiary.measures import BaselineCurve, curve_at
from bestiary.specs import SIZES, Spec


class _Known(TypedDict):
    """What an interval reckons with beside the noise."""

    pilot: int | None
    luck: float


class Resolvable(Spec, frozen=True, kw_only=True):
    """The smallest speedup that so many seeds resolve; None where no speedup is large enough."""

    seeds: int
    speedup: float | None


class PowerRow(Spec, frozen=True, kw_only=True):
    """What it takes at one size and ratio.

    Attributes:
        measured: Whether the curve was measured at this size, rather than predicted.
        noise: Standard deviation of one loss between seeds; of the nearest size measured.
        paired_noise: Of the difference of two losses of one seed.
        noise_source: Where the noise is from, in words.
        slope: Fall of the baseline's loss per doubling of data here, in nats.
        gap: By how much the loss is lower for the speedup asked about, in nats.
        hidden: The gap that the luck of tuning may make, in nats: none up to it is found by any
            number of seeds; 0 where intervals leave that luck out.
        floor: The speedup with that gap, 1 where it is 0; None where none is large enough.
        paired: Seeds of each optimizer, the same for both; None above 1,000.
        unpaired: Seeds of each where they differ.
        cells: Cells like this one that do with three paired seeds each instead; None above 1,000.
        tokens: Training tokens of all runs of the paired design.
        flops: Their model FLOPs.
        resolvable: Smallest speedups seen with 2, 3, 5 and 10 paired seeds.
    """

    size: str
    parameters: float
    ratio: float
    measured: bool
    noise: float
    paired_noise: float
    noise_source: str
    slope: float
    gap: float
    hidden: float
    floor: float | None
    paired: int | None
    unpaired: int | None
    cells: int | None
    tokens: float | None
    flops: float | None
    resolvable: tuple[Resolvable, ...]


class PowerAnswer(Spec, frozen=True, kw_only=True):
    """What it takes to see a speedup, with a 95% interval that excludes 1 4 times in 5.

    Attributes:
        answer: In sentences.
        rows: Sizes ascending, then ratios.
    """

    source: str
    answer: tuple[str, ...]
    speedup: float
    rows: tuple[PowerRow, ...]
    notes: tuple[str, ...]


def power(
    evidence: Evidence,
    speedup: float,
    *,
    sizes: Iterable[str] = (),
    ratios: Iterable[float] = (),
) -> PowerAnswer:
    """Seeds and cells that resolve a speedup.

    Args:
        evidence: Where noise and curves come from.
        speedup: The token speedup to be told from 1, above 1.
        sizes: Named sizes; those of the evidence where none is given.
        ratios: Data-to-model ratios; those of the baseline where none is given.

    Raises:
        UserError: a speedup that is not above 1, an unknown size, or a ratio that is not positive.
    """
    require_results(evidence)
    if not 1 < speedup < 100:
        raise UserError(f"the speedup to resolve must be above 1 and below 100, got {speedup:g}")
    measured = sorted({cell.ratio for cell in evidence.of(evidence.baseline)})
    wanted = sorted(ratios) or measured
    if wanted[0] <= 0 or not math.isfinite(wanted[-1]):
        raise UserError(f"ratios must be positive numbers, got {wanted}")
    curves = [curve_at(evidence, size) for size in (tuple(sizes) or evidence.measured_sizes)]
    rows = [_row(evidence, curve, ratio, speedup) for curve in curves for ratio in wanted]
    return PowerAnswer(
        source=evidence.source,
        answer=tuple(_answer(rows, speedup)),
        speedup=speedup,
        rows=tuple(rows),
        notes=tuple(_notes(evidence, rows, measured)),
    )


def _row(evidence: Evidence, curve: BaselineCurve, ratio: float, speedup: float) -> PowerRow:
    noise, gap = evidence.noise_near(curve.parameters), curve.gap(ratio, speedup)
    luck = evidence.tuning_luck
    known: _Known = {"pilot": noise.freedom, "luck": luck}
    paired = seeds_needed(gap, noise.paired, paired=True, **known)
    tokens = None if paired is None else 2 * paired * 20 * curve.parameters * ratio
    model = SIZES.get(curve.size)
    per_token = model.flops_per_token if model else 6 * curve.parameters
    resolvable = [
        Resolvable(seeds=seeds, speedup=_smallest(curve, ratio, noise, seeds, luck))
        for seeds in (2, 3, 5, 10)
    ]
    return PowerRow(
        size=curve.size,
        parameters=curve.parameters,
        ratio=ratio,
        measured=bool(curve.ratios),
        noise=noise.total,
        paired_noise=noise.paired,
        noise_source=noise.source,
        slope=curve.gap(ratio, 2.0),
        gap=gap,
        hidden=hidden_by(luck),
        floor=_with_gap(curve, ratio, hidden_by(luck)),
        paired=paired,
        unpaired=seeds_needed(gap, noise.total, paired=False, **known),
        cells=cells_needed(gap, noise.paired, **known),
        tokens=tokens,
        flops=None if tokens is None else tokens * per_token,
        resolvable=tuple(resolvable),
    )


def _smallest(
    curve: BaselineCurve, ratio: float, noise: SeedNoise, seeds: int, luck: float
) -> float | None:
    """The speedup whose gap so many paired seeds find 4 times in 5."""
    deviation, known = noise.paired, _Known(pilot=noise.freedom, luck=luck)
    low, high = 0.0, 100 * max(deviation, RESOLUTION) + 2 * hidden_by(luck)
    for _ in range(40):
        middle = (low + high) / 2
        found = t_power(middle, deviation, seeds, paired=True, **known) >= POWER
        low, high = (low, middle) if found else (middle, high)
    return _with_gap(curve, ratio, high)


def _with_gap(curve: BaselineCurve, ratio: float, gap: float) -> float | None:
    """The speedup that lowers the loss so much, below 100."""
    reached = curve.ratio(curve.loss(ratio) - gap) / ratio
    return reached if reached < 100 else None


def _answer(rows: list[PowerRow], speedup: float) -> Iterable[str]:
    """The cheapest cell that does, and what cannot be resolved."""
    able = [row for row in rows if row.flops is not None]
    if able:
        best = min(able, key=lambda row: row.flops or 0.0)
        yield (
            f"A speedup of {speedup:g}x is resolved most cheaply at {best.size} {best.ratio:g}x, "
            f"with {best.paired} seeds of each optimizer."
        )
        most = max(able, key=lambda row: row.paired or 0)
        if most is not best:
            yield f"It takes up to {most.paired} seeds, at {most.size} {most.ratio:g}x."
    hidden = [row for row in rows if row.flops is None and row.gap <= row.hidden]
    if hidden:
        yield (
            f"No number of seeds is enough at {_places(hidden)}: the luck of tuning alone may make "
            f"{hidden[0].hidden:.2g} nats (4 times minimum_gain), and the gap there is no larger; "
            "tune with a smaller minimum_gain, or ask at a lower ratio."
        )
    beyond = [row for row in rows if row.flops is None and row.gap > row.hidden]
    if beyond:
        yield f"More than {MOST:,} seeds would be needed at {_places(beyond)}."


def _places(rows: list[PowerRow]) -> str:
    return ", ".join(f"{row.size} {row.ratio:g}x" for row in rows)


def _notes(evidence: Evidence, rows: list[PowerRow], measured: list[float]) -> Iterable[str]:
    if evidence.tuning_luck:
        yield (
            f"Intervals allow for {evidence.tuning_luck:.2g} nats of luck in tuning each "
            "optimizer, which seeds do not lessen."
        )
    if not any(noise.shared for noise in evidence.noise.values()):
        yield "Noise shared by a seed is not known here, so pairing by seed shows no gain."
    predicted = list(dict.fromkeys(row.size for row in rows if not row.measured))
    if predicted:
        told = ", ".join(predicted)
        yield f"Predicted by the joint law, with the noise of the nearest size: {told}."
    beyond = [row.ratio for row in rows if not measured[0] <= row.ratio <= measured[-1]]
    if beyond:
        told = ", ".join(f"{ratio:g}x" for ratio in dict.fromkeys(beyond))
        yield f"Extrapolated beyond the measured ratios: {told}."
