"""The speedups of an own study, each with its interval or the reason for none.

Read off the baseline's posterior curve, every seed drawn; see `_size_draws`.
"""

import numpy as np

from bestiary.evidence import Observation
from bestiary.measures._cell import BY_DEFINITION, CellMeasures, Verdict
from bestiary.measures._draws import Draws
from bestiary.measures._estimates import estimate, factor
from bestiary.measures._size_draws import REACH, SizeDraws
from bestiary.specs import Estimate, exactly, missing


def drawn_measures(draws: Draws, one: Observation) -> CellMeasures:
    """Everything measured of one optimizer at one cell."""
    speedup, verdict = speedup_and_verdict(draws, one)
    return CellMeasures(
        loss=_loss(draws, one),
        difference=loss_difference(draws, one),
        speedup=speedup,
        time_speedup=_time_speedup(draws, one, speedup),
        step_time_ratio=_time_ratio(draws, one),
        verdict=verdict,
    )


def _loss(draws: Draws, one: Observation) -> Estimate:
    """The mean loss, or why there is none."""
    if one.done:
        drawn = draws.sizes[one.size].losses[one.key]
        return estimate(drawn.value, drawn.draws, note=lost_runs(one))
    if not (one.runs or one.pending):
        return missing("no reported run is planned yet")
    return missing(lost_runs(one) or "no reported run has finished yet")


def lost_runs(one: Observation) -> str:
    """Runs that give no loss, in words; empty where there are none."""
    lost = [
        f"{count} of {len(one.runs)} seeds {state}"
        for state, count in (("diverged", one.count("diverged")), ("failed", one.count("failed")))
        if count
    ]
    tail = "; the mean is over the rest" if lost and one.done else ""
    return ", ".join(lost) + tail


def loss_difference(draws: Draws, one: Observation) -> Estimate:
    """Loss minus the baseline's at the same cell; shared seed noise cancels draw by draw."""
    baseline, losses = draws.evidence.baseline, draws.sizes[one.size].losses
    if one.optimizer == baseline:
        return exactly(0.0, "0 by definition")
    other = (baseline, one.size, one.ratio)
    if one.key not in losses or other not in losses:
        return missing("needs a loss of its own and one of the baseline at this cell")
    drawn = losses[one.key] - losses[other]
    return estimate(drawn.value, drawn.draws)


def speedup_and_verdict(draws: Draws, one: Observation) -> tuple[Estimate, Verdict]:
    """The token speedup, and what it says; divergence overrules a mean over the lucky seeds."""
    baseline, size = draws.evidence.baseline, draws.sizes[one.size]
    if one.optimizer == baseline:
        return exactly(1.0, BY_DEFINITION), "baseline"
    diverged = one.count("diverged")
    if diverged and not one.done:
        # Against a baseline without a loss of its own nothing is worse.
        alone = (baseline, one.size, one.ratio) in size.losses
        return missing("every reported run diverged"), "slower" if alone else "undetermined"
    if not one.done:
        return missing("no reported run has finished yet"), "undetermined"
    if size.fitted is None:
        speedup = missing("no baseline curve: speedup needs the baseline at two ratios or more")
    else:
        speedup = _token_speedup(size, one)
    verdict = verdict_of(speedup, loss_difference(draws, one))
    return speedup, "undetermined" if diverged and verdict == "faster" else verdict


def verdict_of(speedup: Estimate, difference: Estimate) -> Verdict:
    """What a speedup says of 1; where it has no bounds, what the losses at equal tokens say."""
    for one, side in ((speedup, speedup.side(1.0)), (difference, -difference.side(0.0))):
        if one.bounded:
            return "faster" if side > 0 else "slower" if side < 0 else "not distinguishable"
    return "undetermined"


def _token_speedup(draws: SizeDraws, one: Observation) -> Estimate:
    """S with its interval, and in words where the curve was left."""
    assert draws.fitted is not None
    drawn, ratios = draws.log_speedups[one.key], draws.fitted.ratios
    label = "the baseline's curve"
    if drawn.value == np.inf:
        asymptote = draws.read[one.key].value <= float(draws.fitted.law.b)
        note = (
            f"the loss is below the asymptote of {label}: no amount of data reaches it"
            if asymptote
            else f"{label} reaches this loss only beyond {REACH:g} times its data"
        )
        return factor(drawn.value, drawn.draws, extrapolated=True, note=note)
    if drawn.value == -np.inf:
        note = f"the loss is above {label} by more than {REACH:g} times below its data"
        return factor(drawn.value, drawn.draws, extrapolated=True, note=note)
    reached = np.exp(drawn.value) * one.ratio
    outside = not ratios.min() * (1 - 1e-9) <= reached <= ratios.max() * (1 + 1e-9)
    note = (
        f"read at {reached:.3g}x on {label}, which has data from {ratios.min():g}x to "
        f"{ratios.max():g}x"
        if outside
        else ""
    )
    return factor(drawn.value, drawn.draws, extrapolated=outside, note=note)


def _time_ratio(draws: Draws, one: Observation) -> Estimate:
    """Seconds per token over the baseline's."""
    if one.optimizer == draws.evidence.baseline:
        return exactly(1.0, BY_DEFINITION)
    if one.key not in draws.log_times:
        return missing("step times of both are needed at this cell")
    drawn = draws.log_times[one.key]
    note = "" if np.isfinite(drawn.draws).any() else "timed once: no interval"
    return factor(drawn.value, drawn.draws, note=note)


def _time_speedup(draws: Draws, one: Observation, speedup: Estimate) -> Estimate:
    """Token speedup over the time ratio, draw by draw."""
    if one.optimizer == draws.evidence.baseline:
        return exactly(1.0, BY_DEFINITION)
    drawn = draws.log_time_speedup(one.key)
    if drawn is None:
        return missing(speedup.note or "step times of both are needed at this cell")
    return factor(drawn.value, drawn.draws, extrapolated=speedup.extrapolated, note=speedup.note)
