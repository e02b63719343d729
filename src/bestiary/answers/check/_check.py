"""A claim against its results: what a careful reader would ask, answered with evidence."""

from collections.abc import Iterable

from bestiary.answers.check import _effect as effect
from bestiary.answers.check import _method as method
from bestiary.answers.check import _tuning as tuning
from bestiary.answers.check._claim import Claim, read_claim
from bestiary.answers.check._compared import Compared
from bestiary.answers.check._curve import baseline_curve
from bestiary.answers.check._item import Item, Outcome
from bestiary.errors import UserError
from bestiary.evidence import Evidence, require_results
from bestiary.measures import Measures
from bestiary.specs import Spec

CHECKS = (
    effect.claimed_effect,
    tuning.baseline_tuned,
    tuning.optimum_bracketed,
    tuning.equal_effort,
    baseline_curve,
    method.end_of_schedule,
    method.same_tokens,
    method.enough_seeds,
    method.fresh_measurement,
    method.several_sizes,
    effect.wall_clock,
)


class ClaimReport(Spec, frozen=True, kw_only=True):
    """The verdict list on a claim.

    Attributes:
        source: Whose results.
        verdict: In one sentence.
        items: One for each question that the claim raises, in the order of `CHECKS`; the first is
            the claim itself.
    """

    claim: Claim
    source: str
    verdict: str
    items: tuple[Item, ...]

    def count(self, outcome: Outcome) -> int:
        """How many of the questions have this outcome."""
        return sum(item.outcome == outcome for item in self.items)


def check(text: str, evidence: Evidence) -> ClaimReport:
    """Check a claim such as `Muon is 2x faster than AdamW` against results.

    Args:
        text: The claim.
        evidence: The results.

    Raises:
        UserError: the claim names no optimizer of the results, or there is nothing to compare.
    """
    require_results(evidence)
    sizes = tuple(evidence.measured_sizes)
    claim = read_claim(text, evidence.labels, baseline=evidence.baseline, sizes=sizes)
    compared = Compared.of(Measures(evidence), claim)
    if not compared.pairs:
        scope = [claim.size, f"{claim.ratio:g}x" if claim.ratio else ""]
        where = f" at {' '.join(filter(None, scope))}" if any(scope) else ""
        raise UserError(
            f"{claim.optimizer!r} and {claim.baseline!r} share no finished cell{where}; "
            "run both at the same size and ratio"
        )
    items = tuple(item for one in CHECKS if (item := one(compared)) is not None)
    return ClaimReport(
        claim=claim,
        source=evidence.source,
        verdict=verdict_of(items),
        items=items,
    )


def _conditions(doubts: list[str], open_items: list[str]) -> Iterable[tuple[str, list[str]]]:
    if doubts:
        yield f"{len(doubts)} {'is' if len(doubts) == 1 else 'are'} not met", doubts
    if open_items:
        yield f"{len(open_items)} {'is' if len(open_items) == 1 else 'are'} not known", open_items


def verdict_of(items: tuple[Item, ...]) -> str:
    """The claim itself first, then how far its support can be trusted."""
    first, rest = items[0], items[1:]
    said = {
        "passed": "The results bear the claim out",
        "failed": "The results contradict the claim",
        "unknown": "The results do not settle the claim",
    }[first.outcome]
    doubts = [item.name for item in rest if item.outcome == "failed"]
    open_items = [item.name for item in rest if item.outcome == "unknown"]
    if not doubts and not open_items:
        return f"{said}; every condition of a fair comparison is met."
    parts = [f"{what}: {', '.join(which)}" for what, which in _conditions(doubts, open_items)]
    return f"{said}. Of {len(rest)} conditions of a fair comparison {'; '.join(parts)}."
