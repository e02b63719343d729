"""Is the claimed speedup there, in tokens and on the clock?"""

from collections.abc import Sequence

from bestiary.answers.check._compared import Compared
from bestiary.answers.check._item import Item, Outcome
from bestiary.evidence import Observation, places
from bestiary.measures import overhead, time_speedup
from bestiary.specs import Estimate


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
        outcome, evidence = judged(_speedups(compared), claim.threshold)
    lost = [one for one in compared.own if one.count("diverged")]
    if outcome == "passed" and lost:
        outcome = "unknown"
        runs = sum(len(one.runs) for one in compared.own)
        diverged = sum(one.count("diverged") for one in lost)
        evidence += f"; but {diverged} of {runs} runs diverged, at {places(lost)}"
    return Item(name=name, outcome=outcome, evidence=evidence, cure=_cure(outcome, time))


def wall_clock(compared: Compared) -> Item:
    """Whether there is a gain in time, whatever the claim is about."""
    outcome, evidence = _on_the_clock(compared, 1.0)
    cure = "measure step times of both on one machine" if outcome == "unknown" else ""
    return Item(name="faster on the clock", outcome=outcome, evidence=evidence, cure=cure)


def _on_the_clock(compared: Compared, threshold: float) -> tuple[Outcome, str]:
    """The time speedups; where none was measured, what published step times allow at most."""
    measured = [(one, compared.measures.of(one).time_speedup) for one in compared.own]
    if any(est.value is not None for _, est in measured):
        return judged(measured, threshold)
    step = overhead(compared.measures, compared.claim.optimizer)
    if step.value is None:
        return judged(measured, threshold)
    bounds = [(one, time_speedup(speedup, step)) for one, speedup in _speedups(compared)]
    outcome, evidence = judged(bounds, threshold)
    told = f"no step times here; with published ones ({step.value:.3g}x, {step.note}): {evidence}"
    return ("failed" if outcome == "failed" else "unknown"), told


def _speedups(compared: Compared) -> list[tuple[Observation, Estimate]]:
    """The token speedup of every cell."""
    return [(one, compared.measures.of(one).speedup) for one in compared.own]


def judged(
    estimates: Sequence[tuple[Observation, Estimate]], threshold: float
) -> tuple[Outcome, str]:
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


def _value(pair: tuple[Observation, Estimate]) -> float:
    return pair[1].value or 0.0


def _shown(pair: tuple[Observation, Estimate]) -> str:
    one, est = pair
    return f"{est.times()} at {one.place}"


def _cure(outcome: Outcome, time: bool) -> str:
    if outcome != "unknown":
        return ""
    return "measure step times of both" if time else "add seeds or ratios; see `bestiary power`"
