"""What a claim rests on: both optimizers at the same cells."""

from dataclasses import dataclass

from bestiary.answers.check._claim import Claim
from bestiary.evidence import Evidence, Observation
from bestiary.measures import Measures


@dataclass(frozen=True)
class Compared:
    """What every check reads.

    Attributes:
        claim: The claim.
        measures: All results, measured.
        pairs: The claimed optimizer and the baseline, cell by cell.
    """

    claim: Claim
    measures: Measures
    pairs: tuple[tuple[Observation, Observation], ...]

    @classmethod
    def of(cls, measures: Measures, claim: Claim) -> "Compared":
        """The cells that both optimizers share, within the claim's scope."""
        own, others = (measures.evidence.of(name) for name in (claim.optimizer, claim.baseline))
        pairs = tuple(
            (one, others[cell])
            for cell, one in own.items()
            if cell in others
            and claim.size in ("", cell.size)
            and claim.ratio in (None, cell.ratio)
        )
        return cls(claim, measures, pairs)

    @property
    def evidence(self) -> Evidence:
        """All results."""
        return self.measures.evidence

    @property
    def own(self) -> list[Observation]:
        """The claimed optimizer's results."""
        return [pair[0] for pair in self.pairs]

    @property
    def baselines(self) -> list[Observation]:
        """The baseline's."""
        return [pair[1] for pair in self.pairs]

    @property
    def both(self) -> list[Observation]:
        """Its own and the baseline's."""
        return [*self.own, *self.baselines]

    @property
    def cells(self) -> str:
        """How many cells, in words."""
        return f"{len(self.pairs)} cell{'s' if len(self.pairs) != 1 else ''}"

    @property
    def noise(self) -> str:
        """The noise of one loss at the sizes compared, in words."""
        sizes = dict.fromkeys(one.size for one in self.own)
        told: dict[tuple[float, str], list[str]] = {}
        for size in sizes:
            noise = self.evidence.noise[size]
            told.setdefault((noise.total, noise.source), []).append(size)
        if len(told) == 1:
            ((total, source),) = told
            return f"noise of one loss {total:.2g} nats ({source})"
        parts = (
            f"{total:.2g} at {', '.join(where)} ({source})"
            for (total, source), where in told.items()
        )
        return f"noise of one loss in nats {'; '.join(parts)}"
