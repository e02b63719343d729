"""A claim against runs that trained until they reached a loss."""

import re
from collections.abc import Iterable

from msgspec.structs import replace

from bestiary.answers.check._check import ClaimReport, verdict_of
from bestiary.answers.check._claim import Claim, Quantity, read_claim
from bestiary.answers.check._effect import outcome_of
from bestiary.answers.check._item import Item, Outcome
from bestiary.answers.report import bounded_factor
from bestiary.errors import UserError
from bestiary.evidence import TargetEvidence, TargetRuns
from bestiary.measures import TargetMeasures

# Runs of each from which a scatter can be read.
_REPEATS = 2


def check_target(text: str, evidence: TargetEvidence) -> ClaimReport:
    """Check a claim such as `Muon is 2x faster than AdamW` against results to a target loss.

    Steps and tokens are what a claim about tokens is about, seconds what one about time is; where
    it says neither, what was counted.

    Args:
        text: The claim.
        evidence: The results.

    Raises:
        UserError: the claim names no optimizer of the results, is about a loss or a ratio, or the
            two share no size.
    """
    counted: Quantity = "time" if evidence.target.counted == "seconds" else "tokens"
    labels = {name: name for name in evidence.optimizers}
    claim = read_claim(
        text, labels, baseline=evidence.baseline, sizes=evidence.sizes, usual=counted
    )
    if claim.quantity == "loss" or claim.ratio is not None:
        what = "a loss at equal tokens" if claim.quantity == "loss" else "one ratio of data"
        raise UserError(
            f"{evidence.source} are what it takes to reach one loss, and say nothing of {what}; "
            "claim how much faster it is reached"
        )
    claim = replace(claim, reading=_in_words(claim.reading, evidence.target.counted))
    own, others = evidence.of(claim.optimizer), evidence.of(claim.baseline)
    sizes = [size for size in own if size in others and claim.size in ("", size)]
    if not sizes:
        raise UserError(
            f"{claim.optimizer!r} and {claim.baseline!r} share no size; run both at the same"
        )
    both = [runs[size] for runs in (own, others) for size in sizes]
    items = (
        _effect(TargetMeasures(evidence), claim, sizes, known=claim.quantity == counted),
        _all_there(both),
        _repeated(both, evidence),
        _fresh(both),
        _sizes(evidence, sizes),
    )
    return ClaimReport(claim=claim, source=evidence.source, verdict=verdict_of(items), items=items)


def _in_words(text: str, counted: str) -> str:
    """A sentence on tokens and cells as one on what was counted, and sizes."""
    said = text.replace("cell", "size")
    return said.replace("token", "step") if counted == "steps" else said


def _effect(measures: TargetMeasures, claim: Claim, sizes: list[str], *, known: bool) -> Item:
    """The claim itself."""
    counted = measures.evidence.target.counted
    name = _in_words(claim.name, counted)
    if not known:
        return Item(
            name=name,
            outcome="unknown",
            evidence=f"{counted} to the loss were counted, and say nothing of {claim.quantity}",
            cure="measure " + ("seconds" if claim.quantity == "time" else "steps or tokens"),
        )
    cells = {size: measures.speedup(claim.optimizer, size) for size in sizes}
    told = "; ".join(f"{bounded_factor(one)} at {size}" for size, one in cells.items())
    if claim.scope == "every cell" or len(sizes) == 1:
        outcomes = {outcome_of(claim, one) for one in cells.values()}
        outcome = _of_every(outcomes)
    else:
        mean = measures.speedup(claim.optimizer)
        outcome, told = outcome_of(claim, mean), f"on average {bounded_factor(mean)}; {told}"
    if outcome == "passed" and _by_chance(measures, claim):
        outcome = "unknown"
        rivals = len(measures.evidence.optimizers) - 1
        told += f"; but the best of {rivals} equal ones may reach that by chance"
    notes = dict.fromkeys(one.note for one in cells.values() if not one.bounded and one.note)
    cure = "add seeds, or train those that never got there for longer"
    if counted == "steps" and re.search(r"\btokens?\b|\bdata\b", claim.text, re.IGNORECASE):
        notes["steps are tokens only where both have the same batch"] = None
    return Item(
        name=name,
        outcome=outcome,
        evidence="; ".join((f"in {counted} {told}", *notes)),
        cure=cure if outcome == "unknown" else "",
    )


def _by_chance(measures: TargetMeasures, claim: Claim) -> bool:
    """Whether a report would not name it although its own interval is above 1."""
    evidence = measures.evidence
    if claim.comparison != "faster" or claim.scope != "average" or claim.size:
        return False
    return not measures.beyond_chance(claim.optimizer, len(evidence.optimizers) - 1)


def _of_every(outcomes: set[Outcome]) -> Outcome:
    """Of a claim about every size: it fails at one, and passes at all."""
    if "failed" in outcomes:
        return "failed"
    return "unknown" if "unknown" in outcomes else "passed"


def _all_there(both: list[TargetRuns]) -> Item:
    lost = [one for one in both if len(one.reached) < len(one.runs)]
    told = (
        f"{len(one.reached)} of {len(one.runs)} of {one.optimizer} at {one.size}" for one in lost
    )
    return Item(
        name="every run got there",
        outcome="failed" if lost else "passed",
        evidence=f"only {', '.join(told)}" if lost else f"{_runs(both)} of {_runs(both)} runs",
        cure="train these for longer" if lost else "",
    )


def _repeated(both: list[TargetRuns], evidence: TargetEvidence) -> Item:
    least = min(both, key=lambda one: len(one.reached))
    count = len(least.reached)
    noises = dict.fromkeys(
        f"{noise.total:.2%} ({noise.source})"
        for one in both
        if (noise := evidence.noise.get(one.size))
    )
    enough = count >= _REPEATS
    return Item(
        name="seeds",
        outcome="passed" if enough else "failed",
        evidence=f"{count} run{'s' if count != 1 else ''} that got there of {least.optimizer} at "
        f"{least.size}, the fewest; noise of one run {' and '.join(noises) or 'not known'}",
        cure="" if enough else "repeat both on fresh seeds",
    )


def _fresh(both: list[TargetRuns]) -> Item:
    most = max(one.selected_from for one in both)
    return Item(
        name="not the best of many",
        outcome="failed" if most > 1 else "passed",
        evidence=f"each is the best of up to {most} configurations, on the same runs"
        if most > 1
        else "one configuration of each",
        cure="re-run the best ones on fresh seeds" if most > 1 else "",
    )


def _sizes(evidence: TargetEvidence, sizes: list[str]) -> Item:
    several = len(sizes) > 1
    return Item(
        name="several sizes",
        outcome="passed" if several else "failed",
        evidence=f"{', '.join(sizes)}, to one loss of {evidence.target.loss:.4g} nats per token",
        cure="" if several else "run both at another size; one says nothing about others",
    )


def _runs(both: Iterable[TargetRuns]) -> int:
    return sum(len(one.runs) for one in both)
