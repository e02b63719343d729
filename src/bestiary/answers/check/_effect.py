"""Is the claimed effect there, by the intervals of a report, and is it there on the clock?"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from bestiary.answers.check._claim import Claim
from bestiary.answers.check._compared import Compared
from bestiary.answers.check._item import Item, Outcome
from bestiary.evidence import Observation, places
from bestiary.measures import (
    Measures,
    average_difference,
    average_speedup,
    average_time_speedup,
    beyond_chance,
    dependent_mean,
    overhead,
    time_speedup,
)
from bestiary.specs import Estimate

# An advantage, 1 where there is none, with the cell that it belongs to.
Cells = Sequence[tuple[Observation, Estimate]]


def claimed_effect(compared: Compared) -> Item:
    """The claim itself, in the quantity, the scope and the comparison that it states."""
    claim = compared.claim
    if claim.quantity == "time":
        outcome, evidence = _on_the_clock(compared, claim)
    elif claim.quantity == "loss":
        outcome, evidence = _in_loss(compared, claim)
    else:
        outcome, evidence = _in_tokens(compared, claim)
    lost = [one for one in compared.own if one.count("diverged")]
    if outcome == "passed" and lost:
        outcome = "unknown"
        runs = sum(len(one.runs) for one in compared.own)
        diverged = sum(one.count("diverged") for one in lost)
        evidence += f"; but {diverged} of {runs} runs diverged, at {places(lost)}"
    return Item(name=claim.name, outcome=outcome, evidence=evidence, cure=_cure(outcome, claim))


def wall_clock(compared: Compared) -> Item:
    """Whether there is a gain in time, whatever the claim is about."""
    faster = replace(
        compared.claim,
        quantity="time",
        comparison="faster",
        factor=None,
        threshold=1.0,
        ceiling=None,
    )
    outcome, evidence = _on_the_clock(compared, faster)
    cure = "measure step times of both on one machine" if outcome == "unknown" else ""
    return Item(name="faster on the clock", outcome=outcome, evidence=evidence, cure=cure)


def _in_tokens(compared: Compared, claim: Claim) -> tuple[Outcome, str]:
    """Token speedups; where no curve gives one, losses at equal tokens still say who is ahead."""
    measures = compared.measures
    cells = [(one, measures.of(one).speedup) for one in compared.own]
    if claim.comparison == "faster" and not any(est.bounded for _, est in cells):
        lower = replace(claim, quantity="loss", threshold=0.0, unit="nats")
        outcome, evidence = _in_loss(compared, lower)
        reason = cells[0][1].note or "no speedup has an interval"
        return outcome, f"{reason}; by losses at equal tokens: {evidence}"
    found = judged(claim, cells, lambda: _average(measures, compared.own, time=False))
    return _reserved(compared, claim, found)


def _by_chance(compared: Compared, claim: Claim) -> bool:
    """Whether a report would not name it although its own interval is above 1."""
    evidence, measures = compared.evidence, compared.measures
    whole = claim.scope == "average" and not claim.size and claim.ratio is None
    if evidence.kind != "own study" or not whole or claim.comparison != "faster":
        return False
    time = claim.quantity == "time"
    names = [name for name in evidence.optimizers if name != evidence.baseline]
    means = {name: _average(measures, list(evidence.of(name).values()), time) for name in names}
    best = max(names, key=lambda name: means[name].value or 0.0)
    return claim.optimizer == best and not beyond_chance(
        measures.draws, best, len(names), time=time
    )


def _average(measures: Measures, own: list[Observation], time: bool) -> Estimate:
    if time:
        return average_time_speedup(measures, own)
    return average_speedup(measures, own)


def _reserved(compared: Compared, claim: Claim, found: tuple[Outcome, str]) -> tuple[Outcome, str]:
    """The same, but open where the report says that chance may reach it."""
    outcome, evidence = found
    if outcome != "passed" or not _by_chance(compared, claim):
        return found
    rivals = len(compared.evidence.optimizers) - 1
    return "unknown", (
        f"{evidence}; but the best of {rivals} equal ones may reach that by chance, so the "
        "report names no winner"
    )


def _on_the_clock(compared: Compared, claim: Claim) -> tuple[Outcome, str]:
    """The time speedups; where none was measured, what published step times allow at most."""
    measures = compared.measures
    measured = [(one, measures.of(one).time_speedup) for one in compared.own]
    step = overhead(measures, claim.optimizer)
    if any(est.value is not None for _, est in measured) or step.value is None:
        found = judged(claim, measured, lambda: average_time_speedup(measures, compared.own))
        outcome, told = _reserved(compared, claim, found)
        doubt = compared.evidence.clock_doubt
        return outcome, f"{told}; {doubt[0].lower()}{doubt[1:].rstrip('.')}" if doubt else told
    bounds = [(one, time_speedup(measures.of(one).speedup, step)) for one in compared.own]
    outcome, evidence = judged(claim, bounds, lambda: dependent_mean([est for _, est in bounds]))
    told = f"no step times here; with published ones ({step.value:.3g}x, {step.note}): {evidence}"
    return ("failed" if outcome == "failed" else "unknown"), told


def _in_loss(compared: Compared, claim: Claim) -> tuple[Outcome, str]:
    """By how much losses at equal tokens are lower than the other's."""
    measures = compared.measures
    cells = [
        (one, _lower_by(measures.of(one).difference, other.loss, claim))
        for one, other in compared.pairs
    ]

    def average() -> Estimate:
        loss = sum(other.loss for _, other in compared.pairs) / len(compared.pairs)
        return _lower_by(average_difference(measures.draws, compared.pairs), loss, claim)

    return judged(claim, cells, average)


def _lower_by(difference: Estimate, loss: float, claim: Claim) -> Estimate:
    """A loss difference as a reduction, in nats or in percent of the other's loss."""
    unit = 1.0 if claim.unit == "nats" else loss / 100
    value, low, high = (
        None if one is None else -one / unit
        for one in (difference.value, difference.high, difference.low)
    )
    return Estimate(value=value, low=low, high=high, note=difference.note)


def judged(claim: Claim, cells: Cells, average: Callable[[], Estimate]) -> tuple[Outcome, str]:
    """Whether intervals bear a claim out, on average or in every cell, and where cells stand.

    Args:
        claim: With its scope, and what an advantage must reach and not pass.
        cells: Advantages with the cell that each belongs to.
        average: Over these cells.
    """
    counted, told = _in_cells(claim, cells)
    if claim.scope == "every cell" or len(cells) == 1:
        return counted, told
    mean = average()
    if not mean.bounded:
        return "unknown", mean.note or "the average has no interval"
    return outcome_of(claim, mean), f"on average {_number(claim, mean)}; {told}"


def _in_cells(claim: Claim, cells: Cells) -> tuple[Outcome, str]:
    """The outcome where every cell must pass, and the cells counted."""
    known = [(one, est) for one, est in cells if est.bounded]
    if not known:
        return "unknown", cells[0][1].note or "no speedup has an interval"
    outcomes = [(one, outcome_of(claim, est)) for one, est in known]
    passed = [one for one, outcome in outcomes if outcome == "passed"]
    failed = [one for one, outcome in outcomes if outcome == "failed"]
    every = len(cells)
    bar = _bar(claim)
    told = f"{bar} in {len(passed)} of {every} cells, {_other(claim)} in {len(failed)}"
    if failed:
        told += f" ({places(failed)})"
    if open_cells := every - len(passed) - len(failed):
        told += f", open in {open_cells}"
    valued = [(one, est) for one, est in known if est.value is not None]
    if valued:
        ends = (min(valued, key=_value), max(valued, key=_value))
        least, most = (f"{_number(claim, est)} at {one.place}" for one, est in ends)
        told += f"; least {least}, most {most}"
    outcome: Outcome = "passed" if len(passed) == every else "failed" if failed else "unknown"
    return outcome, told


def outcome_of(claim: Claim, advantage: Estimate) -> Outcome:
    """Passed where the interval lies within what is claimed, failed where outside of it.

    Args:
        claim: What an advantage must reach and not pass.
        advantage: A factor, or by how much a loss is lower.
    """
    low, high, ceiling = advantage.low, advantage.high, claim.ceiling
    if (high is not None and high < claim.threshold) or (
        ceiling is not None and low is not None and low > ceiling
    ):
        return "failed"
    above = low is not None and low >= claim.threshold
    within = ceiling is None or (high is not None and high <= ceiling)
    return "passed" if above and within else "unknown"


def _bar(claim: Claim) -> str:
    """What every advantage is held against: `at least 1.35x`."""
    unit = {"": "x", "nats": " nats lower", "%": "% lower"}[claim.unit]
    if claim.ceiling is not None:
        return f"within {claim.threshold:.3g} to {claim.ceiling:.3g}{unit}"
    return f"at least {claim.threshold:.3g}{unit}"


def _other(claim: Claim) -> str:
    return "below" if claim.ceiling is None else "outside"


def _value(pair: tuple[Observation, Estimate]) -> float:
    return pair[1].value or 0.0


def _number(claim: Claim, advantage: Estimate) -> str:
    """A factor, or by how much a loss is lower."""
    if not claim.unit:
        return advantage.times()
    return advantage.text(".3f", " nats" if claim.unit == "nats" else "%")


def _cure(outcome: Outcome, claim: Claim) -> str:
    if outcome != "unknown":
        return ""
    if claim.quantity == "time":
        return "measure step times of both"
    return "add seeds or ratios; see `bestiary power`"
