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

Judgement = Literal["holds", "not refuted", "does not hold", "cannot be checked"]
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
            `not refuted` (no part contradicted, some open: the noise allows it and does not
            prove it), or `cannot be checked`.
        evidence: The numbers, in words.
        joint: Share of redrawn data sets in which all parts are true together; those without draws
            of their own are taken as independent. None where the claim cannot be checked.
        parts: What the judgement rests on; empty where the claim cannot be checked.
    """

    claim: str
    statement: str
    where: str
    judgement: Judgement
    evidence: str
    joint: float | None = None
    parts: tuple[ClaimPart, ...] = ()


class DrawnPart(ClaimPart, frozen=True, kw_only=True):
    """A part with the redrawn data sets in which it is true.

    Attributes:
        true: One of `bool` for each.
    """

    true: tuple[bool, ...]


class PublishedClaim(Spec, frozen=True, kw_only=True):
    """What the study says, and where."""

    name: str
    statement: str
    where: str

    def judged(
        self, parts: Sequence[ClaimPart], evidence: str, *, unjudged: Sequence[str] = ()
    ) -> ClaimVerdict:
        """The verdict that the parts give.

        Args:
            parts: What the claim says, with its support.
            evidence: The numbers, in words.
            unjudged: What else it says and the data cannot show: with any, it is not established.
        """
        against = [part for part in parts if part.support <= (1 - ESTABLISHED) / len(parts)]
        open_parts = [p for p in parts if p not in against and p.support < ESTABLISHED]
        judgement: Judgement = "not refuted" if open_parts or unjudged else "holds"
        if against:
            judgement = "does not hold"
        counted = f"{len(parts)} part{'s' if len(parts) != 1 else ''}: "
        counted += f"{len(parts) - len(open_parts) - len(against)} established, "
        counted += f"{len(open_parts)} open, {len(against)} contradicted"
        counted += _listed("contradicted", against) + _listed("open", open_parts)
        if unjudged:
            counted += f"; {len(unjudged)} more not judged: {', '.join(unjudged)}"
        joint = _jointly(parts)
        if open_parts and len(parts) > 1:
            counted += f"; all parts together are true in {_share(joint)} of the draws"
        plain = tuple(
            ClaimPart(text=part.text, margin=part.margin, support=part.support) for part in parts
        )
        return self._verdict(judgement, f"{evidence}. {counted}.", plain, joint)

    def unchecked(self, why: str, parts: Sequence[ClaimPart] = ()) -> ClaimVerdict:
        """The verdict where the published data cannot decide."""
        return self._verdict("cannot be checked", why, tuple(parts))

    def _verdict(
        self,
        judgement: Judgement,
        evidence: str,
        parts: tuple[ClaimPart, ...],
        joint: float | None = None,
    ) -> ClaimVerdict:
        return ClaimVerdict(
            claim=self.name,
            statement=self.statement,
            where=self.where,
            judgement=judgement,
            evidence=evidence,
            joint=joint,
            parts=parts,
        )


def drawn(text: str, margin: float, margins_K: Array) -> DrawnPart:
    """A part whose margin was redrawn."""
    true = margins_K > 0
    return DrawnPart(
        text=text,
        margin=float(margin),
        support=float(np.mean(true)),
        true=tuple(true.tolist()),
    )


def normal(text: str, margin: float, deviation: float) -> ClaimPart:
    """A part whose margin has normal noise of a known standard deviation."""
    return ClaimPart(text=text, margin=margin, support=float(ndtr(margin / deviation)))


def _jointly(parts: Sequence[ClaimPart]) -> float:
    """The support of all parts together: draw by draw where they have draws, else multiplied."""
    own = [part for part in parts if isinstance(part, DrawnPart)]
    lengths = {len(part.true) for part in own}
    shares = [part.support for part in parts if not isinstance(part, DrawnPart)]
    for length in lengths:
        together = np.all([part.true for part in own if len(part.true) == length], axis=0)
        shares.append(float(np.mean(together)))
    return float(np.prod(shares))


def _share(value: float) -> str:
    """A share in percent: `0.03%`, `42%`."""
    return f"{100 * value:.0f}%" if value >= 0.01 else f"{100 * value:.2g}%"


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
