"""A claim, what it is made of, and the verdict on it.

A claim is split into parts. The support of a part is the share of redrawn data sets in which it is
true. A part is established from 97.5%, and contradicted to 2.5% over the number of parts: all
parts must be true for the claim to be, so establishing them needs no correction for their number,
while among many true parts one may well look false by chance. Between, it is open.
"""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from scipy.special import ndtr

from bestiary.laws import Array
from bestiary.specs import Spec

Judgement = Literal["holds", "holds within noise", "does not hold", "cannot be checked"]
ESTABLISHED = 0.975


class ClaimPart(Spec, frozen=True, kw_only=True):
    """One thing a claim says, as a quantity that must be positive.

    Attributes:
        text: What it says.
        margin: By how much it is true; negative where the numbers say the opposite.
        support: Share of redrawn data sets in which it is true; 0 or 1 where nothing is random.
    """

    text: str
    margin: float
    support: float


class ClaimVerdict(Spec, frozen=True, kw_only=True):
    """The verdict on one claim.

    Attributes:
        claim: `"C1"` to `"C22"`.
        statement: The claim.
        where: Where the study states it.
        judgement: `holds` (every part established), `does not hold` (a part contradicted),
            `holds within noise` (no part contradicted, some open: the noise allows it and does
            not prove it), or `cannot be checked`.
        evidence: The numbers, in words.
        parts: What the judgement rests on; empty where the claim cannot be checked.
    """

    claim: str
    statement: str
    where: str
    judgement: Judgement
    evidence: str
    parts: tuple[ClaimPart, ...] = ()


class PublishedClaim(Spec, frozen=True, kw_only=True):
    """What the study says, and where."""

    name: str
    statement: str
    where: str

    def judged(self, parts: Sequence[ClaimPart], evidence: str) -> ClaimVerdict:
        """The verdict that the parts give."""
        against = [part for part in parts if part.support <= (1 - ESTABLISHED) / len(parts)]
        open_parts = [p for p in parts if p not in against and p.support < ESTABLISHED]
        judgement: Judgement = "holds within noise" if open_parts else "holds"
        if against:
            judgement = "does not hold"
        counted = f"{len(parts)} part{'s' if len(parts) != 1 else ''}: "
        counted += f"{len(parts) - len(open_parts) - len(against)} established, "
        counted += f"{len(open_parts)} open, {len(against)} contradicted"
        counted += _listed("contradicted", against) + _listed("open", open_parts)
        return self._verdict(judgement, f"{evidence}. {counted}.", tuple(parts))

    def unchecked(self, why: str, parts: Sequence[ClaimPart] = ()) -> ClaimVerdict:
        """The verdict where the published data cannot decide."""
        return self._verdict("cannot be checked", why, tuple(parts))

    def _verdict(
        self, judgement: Judgement, evidence: str, parts: tuple[ClaimPart, ...]
    ) -> ClaimVerdict:
        return ClaimVerdict(
            claim=self.name,
            statement=self.statement,
            where=self.where,
            judgement=judgement,
            evidence=evidence,
            parts=parts,
        )


def drawn(text: str, margin: float, margins_K: Array) -> ClaimPart:
    """A part whose margin was redrawn."""
    return ClaimPart(text=text, margin=float(margin), support=float(np.mean(margins_K > 0)))


def normal(text: str, margin: float, deviation: float) -> ClaimPart:
    """A part whose margin has normal noise of a known standard deviation."""
    return ClaimPart(text=text, margin=margin, support=float(ndtr(margin / deviation)))


def _listed(what: str, parts: Sequence[ClaimPart], most: int = 3) -> str:
    """The least supported of some parts with their support; nothing where there are none."""
    if not parts:
        return ""
    least = sorted(parts, key=lambda part: part.support)[:most]
    more = f" and {len(parts) - most} more" if len(parts) > most else ""
    return f"; {what}: {', '.join(f'{part.text} ({part.support:.0%})' for part in least)}{more}"


def certain(text: str, margin: float) -> ClaimPart:
    """A part in which nothing is random: true where the margin is positive."""
    return ClaimPart(text=text, margin=margin, support=float(margin > 0))
