"""The pairs of findings that a claim rests on: both optimizers at the same cells."""

from dataclasses import dataclass

from bestiary.analysis.answers._claim import Claim
from bestiary.analysis.answers._findings import Finding, Findings


@dataclass(frozen=True)
class Compared:
    """What every check reads.

    Attributes:
        claim: The claim.
        findings: All results.
        pairs: The claimed optimizer and the baseline, cell by cell.
    """

    claim: Claim
    findings: Findings
    pairs: tuple[tuple[Finding, Finding], ...]

    @classmethod
    def of(cls, findings: Findings, claim: Claim) -> "Compared":
        """The cells that both optimizers share, within the claim's scope."""
        own, others = findings.of(claim.optimizer), findings.of(claim.baseline)
        pairs = tuple(
            (finding, others[cell])
            for cell, finding in own.items()
            if cell in others and claim.size in ("", cell[0]) and claim.ratio in (None, cell[1])
        )
        return cls(claim, findings, pairs)

    @property
    def own(self) -> list[Finding]:
        """The claimed optimizer's findings."""
        return [pair[0] for pair in self.pairs]

    @property
    def baselines(self) -> list[Finding]:
        """The baseline's."""
        return [pair[1] for pair in self.pairs]

    @property
    def cells(self) -> str:
        """How many cells, in words."""
        return f"{len(self.pairs)} cell{'s' if len(self.pairs) != 1 else ''}"
