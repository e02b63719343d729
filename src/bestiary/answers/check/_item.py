"""One question about a claim, and its answer."""

from typing import Literal

from bestiary.specs import Spec

Outcome = Literal["passed", "failed", "unknown"]


class Item(Spec, frozen=True, kw_only=True):
    """One line of a verdict list.

    Attributes:
        name: The question, in a few words.
        outcome: `unknown` where the results do not say.
        evidence: The numbers behind it.
        cure: What would turn it into `passed`; empty where it is.
    """

    name: str
    outcome: Outcome
    evidence: str
    cure: str = ""
