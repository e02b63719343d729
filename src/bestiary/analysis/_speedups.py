"""The speedups of one optimizer at one cell, each with its interval or the reason for none."""

import numpy as np

from bestiary.analysis._draws import REACH, Key, SizeDraws
from bestiary.analysis._estimates import estimate, exactly, factor, missing
from bestiary.analysis._evidence import Evidence
from bestiary.analysis._observations import Reported
from bestiary.analysis._record import Estimate, Verdict

BY_DEFINITION = "1 by definition"


def loss_difference(evidence: Evidence, key: Key) -> Estimate:
    """Loss minus the baseline's at the same cell; shared seed noise cancels draw by draw."""
    baseline, losses = evidence.study.baseline, evidence.sizes[key[1].size].losses
    if key[0] == baseline:
        return exactly(0.0, "0 by definition")
    if key not in losses or (baseline, key[1]) not in losses:
        return missing("needs a loss of its own and one of the baseline at this cell")
    drawn = losses[key] - losses[baseline, key[1]]
    return estimate(drawn.value, drawn.draws)


def speedup_and_verdict(evidence: Evidence, key: Key, group: Reported) -> tuple[Estimate, Verdict]:
    """The token speedup, and what it says; divergence overrules a mean over the lucky seeds."""
    if key[0] == evidence.study.baseline:
        return exactly(1.0, BY_DEFINITION), "baseline"
    draws = evidence.sizes[key[1].size]
    diverged = sum(result.state == "diverged" for result in group.results.values())
    if diverged and not group.losses:
        # Against a baseline without a loss of its own nothing is worse.
        alone = (evidence.study.baseline, key[1]) in draws.losses
        return missing("every reported run diverged"), "slower" if alone else "undetermined"
    if key not in draws.losses:
        return missing("no reported run has finished yet"), "undetermined"
    if draws.fitted is None:
        speedup = missing("no baseline curve: speedup needs the baseline at two ratios or more")
    else:
        speedup = _token_speedup(draws, key)
    verdict = _sign(speedup, 1.0, "low")
    if verdict == "undetermined":
        verdict = _sign(loss_difference(evidence, key), 0.0, "high")
    return speedup, "undetermined" if diverged and verdict == "faster" else verdict


def _sign(interval: Estimate, neutral: float, better: str) -> Verdict:
    """Which side of neutral an interval lies on; `better` names the end that must pass it."""
    if interval.low is None and interval.high is None:
        return "undetermined"
    above = interval.low is not None and interval.low > neutral
    below = interval.high is not None and interval.high < neutral
    if not above and not below:
        return "not distinguishable"
    return "faster" if above == (better == "low") else "slower"


def _token_speedup(draws: SizeDraws, key: Key) -> Estimate:
    """S with its interval, and in words where the curve was left."""
    assert draws.fitted is not None
    drawn, ratios = draws.log_speedups[key], draws.fitted.ratios
    label = "the baseline's curve"
    if drawn.value == np.inf:
        asymptote = draws.read[key].value <= float(draws.fitted.law.b)
        note = (
            f"the loss is below the asymptote of {label}: no amount of data reaches it"
            if asymptote
            else f"{label} reaches this loss only beyond {REACH:g} times its data"
        )
        return factor(drawn.value, drawn.draws, extrapolated=True, note=note)
    if drawn.value == -np.inf:
        note = f"the loss is above {label} by more than {REACH:g} times below its data"
        return factor(drawn.value, drawn.draws, extrapolated=True, note=note)
    reached = np.exp(drawn.value) * key[1].ratio
    outside = not ratios.min() * (1 - 1e-9) <= reached <= ratios.max() * (1 + 1e-9)
    note = (
        f"read at {reached:.3g}x on {label}, which has data from {ratios.min():g}x to "
        f"{ratios.max():g}x"
        if outside
        else ""
    )
    return factor(drawn.value, drawn.draws, extrapolated=outside, note=note)


def time_ratio(evidence: Evidence, key: Key) -> Estimate:
    """Seconds per token over the baseline's."""
    if key[0] == evidence.study.baseline:
        return exactly(1.0, BY_DEFINITION)
    if key not in evidence.log_times:
        return missing("step times of both are needed at this cell")
    drawn = evidence.log_times[key]
    note = "" if np.isfinite(drawn.draws).any() else "timed once: no interval"
    return factor(drawn.value, drawn.draws, note=note)


def time_speedup(evidence: Evidence, key: Key, speedup: Estimate) -> Estimate:
    """Token speedup over the time ratio, draw by draw."""
    if key[0] == evidence.study.baseline:
        return exactly(1.0, BY_DEFINITION)
    drawn = evidence.log_time_speedup(key)
    if drawn is None:
        return missing(speedup.note or "step times of both are needed at this cell")
    return factor(drawn.value, drawn.draws, extrapolated=speedup.extrapolated, note=speedup.note)
