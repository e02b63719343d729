"""A claim against its results: what a careful reader would ask, answered with evidence."""

from bestiary.analysis.answers import _check_effect as effect
from bestiary.analysis.answers import _check_method as method
from bestiary.analysis.answers import _check_tuning as tuning
from bestiary.analysis.answers._claim import Claim, read_claim
from bestiary.analysis.answers._compared import Compared
from bestiary.analysis.answers._findings import Findings
from bestiary.analysis.answers._item import Item, Outcome
from bestiary.errors import UserError
from bestiary.specs import Spec

CHECKS = (
    effect.claimed_speedup,
    tuning.baseline_tuned,
    tuning.optimum_bracketed,
    tuning.equal_effort,
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
        items: One for each question, in the order of `CHECKS`; the first is the claim itself.
    """

    claim: Claim
    source: str
    verdict: str
    items: tuple[Item, ...]

    def count(self, outcome: Outcome) -> int:
        """How many of the questions have this outcome."""
        return sum(item.outcome == outcome for item in self.items)


def check(text: str, findings: Findings) -> ClaimReport:
    """Check a claim such as `Muon is 2x faster than AdamW` against results.

    Args:
        text: The claim.
        findings: The results.

    Raises:
        UserError: the claim names no optimizer of the results, or there is nothing to compare.
    """
    findings.require()
    sizes = tuple(findings.sizes)
    claim = read_claim(text, findings.labels, baseline=findings.baseline, sizes=sizes)
    compared = Compared.of(findings, claim)
    if not compared.pairs:
        where = f" at {claim.size}" if claim.size else ""
        raise UserError(
            f"{claim.optimizer!r} and {claim.baseline!r} share no finished cell{where}; "
            "run both at the same size and ratio"
        )
    items = tuple(item for item in (one(compared) for one in CHECKS))
    return ClaimReport(
        claim=claim,
        source=f"{findings.name} ({findings.kind})",
        verdict=_verdict(items),
        items=items,
    )


def _verdict(items: tuple[Item, ...]) -> str:
    """The claim itself first, then how far its support can be trusted."""
    first, rest = items[0], items[1:]
    said = {
        "passed": "The results bear the claim out",
        "failed": "The results contradict the claim",
        "unknown": "The results do not settle the claim",
    }[first.outcome]
    doubts = [item.name for item in rest if item.outcome == "failed"]
    open_items = [item.name for item in rest if item.outcome == "unknown"]
    parts = [said]
    if doubts:
        parts.append(f"not met: {', '.join(doubts)}")
    if open_items:
        parts.append(f"not known: {', '.join(open_items)}")
    if not doubts and not open_items:
        parts.append("every condition of a fair comparison is met")
    return "; ".join(parts) + "."
