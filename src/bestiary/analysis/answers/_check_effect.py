"""Is the claimed speedup there, in tokens and on the clock?"""

from collections.abc import Sequence

from bestiary.analysis._record import Estimate
from bestiary.analysis.answers._compared import Compared
from bestiary.analysis.answers._findings import Finding, places
from bestiary.analysis.answers._item import Item, Outcome
from bestiary.analysis.answers._overhead import overhead, time_speedup


def claimed_speedup(compared: Compared) -> Item:
    """The claim itself, in the measure that it states."""
    claim = compared.claim
    time = claim.measure == "time"
    name = f"{'time' if time else 'token'} speedup " + (
        "above 1" if claim.factor is None else f"of {claim.factor:.3g}x"
    )
    if time:
        outcome, evidence = _on_the_clock(compared, claim.threshold)
    else:
        outcome, evidence = judged([(one, one.speedup) for one in compared.own], claim.threshold)
    return Item(name=name, outcome=outcome, evidence=evidence, cure=_cure(outcome, time))


def wall_clock(compared: Compared) -> Item:
    """Whether there is a gain in time, whatever the claim is about."""
    outcome, evidence = _on_the_clock(compared, 1.0)
    cure = "measure step times of both on one machine" if outcome == "unknown" else ""
    return Item(name="faster on the clock", outcome=outcome, evidence=evidence, cure=cure)


def _on_the_clock(compared: Compared, threshold: float) -> tuple[Outcome, str]:
    """The time speedups; where none was measured, what published step times allow at most."""
    measured = [(one, one.time_speedup) for one in compared.own]
    if any(est.value is not None for _, est in measured):
        return judged(measured, threshold)
    step = overhead(compared.findings, compared.claim.optimizer, compared.claim.baseline)
    if step.value is None:
        return judged(measured, threshold)
    bounds = [(one, time_speedup(one.speedup, step)) for one in compared.own]
    outcome, evidence = judged(bounds, threshold)
    told = f"no step times here; with published ones ({step.value:.3g}x, {step.note}): {evidence}"
    return ("failed" if outcome == "failed" else "unknown"), told


def judged(estimates: Sequence[tuple[Finding, Estimate]], threshold: float) -> tuple[Outcome, str]:
    """Whether intervals reach a threshold: in every cell, or clearly not in one.

    Args:
        estimates: Speedups with the cell that each belongs to.
        threshold: What they must reach.
    """
    known = [(one, est) for one, est in estimates if est.low is not None or est.high is not None]
    if not known:
        return "unknown", estimates[0][1].note or "no speedup has an interval"
    reached = [one for one, est in known if est.low is not None and est.low >= threshold]
    below = [one for one, est in known if est.high is not None and est.high < threshold]
    every = len(estimates)
    told = f"at least {threshold:.3g}x in {len(reached)} of {every} cells, below in {len(below)}"
    if below:
        told += f" ({places(below)})"
    if open_cells := every - len(reached) - len(below):
        told += f", open in {open_cells}"
    valued = [(one, est) for one, est in known if est.value is not None]
    if valued:
        told += f"; least {_shown(min(valued, key=_value))}, most {_shown(max(valued, key=_value))}"
    outcome: Outcome = "passed" if len(reached) == every else "failed" if below else "unknown"
    return outcome, told


def _value(pair: tuple[Finding, Estimate]) -> float:
    return pair[1].value or 0.0


def _shown(pair: tuple[Finding, Estimate]) -> str:
    one, est = pair
    low = "..." if est.low is None else f"{est.low:.2f}"
    high = "..." if est.high is None else f"{est.high:.2f}"
    return f"{est.value:.2f}x [{low}, {high}] at {one.place}"


def _cure(outcome: Outcome, time: bool) -> str:
    if outcome != "unknown":
        return ""
    return "measure step times of both" if time else "add seeds or ratios; see `bestiary power`"
