"""`bestiary check`: a claim and its results in, a list of verdicts out."""

from typing import TYPE_CHECKING

import msgspec
import tyro

from bestiary.cli._flags import StatedNoise, Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import evidence_of, target_evidence_of
from bestiary.cli._telling import tell
from bestiary.errors import UserError
from bestiary.specs import Spec

if TYPE_CHECKING:
    from bestiary.answers.check import Item

COLUMNS = {"outcome": "", "name": "question", "evidence": "evidence, and what would cure it"}


class Flags(Spec, frozen=True, kw_only=True):
    """Check a claim.

    Attributes:
        claim: The claim in quotes, for instance "Muon is 1.4x faster than AdamW".
        results: A study folder, imported results, or `fantastic2025` (the published study).
        noise: Standard deviation between seeds in nats, where no cell was repeated; by default
            assumed from the size of the model. Of runs towards a target loss that of the logarithm
            of what they took (0.02 is 2%), and nothing is assumed.
        json: Print JSON.
    """

    claim: tyro.conf.Positional[str] = ""
    results: tyro.conf.Positional[str] = "fantastic2025"
    noise: StatedNoise = 0.0
    json: Switch = False


def run(flags: Flags) -> None:
    """Print what a careful reader would ask, with the answers."""
    if not flags.claim:
        raise UserError("state the claim in quotes: bestiary check 'Muon is 2x faster than AdamW'")
    from bestiary.answers.check import check, check_target

    target = target_evidence_of(flags.results, flags.noise)
    if target is None:
        report = check(flags.claim, evidence_of(flags.results, flags.noise))
    else:
        report = check_target(flags.claim, target)
    if flags.json:
        print_json(msgspec.to_builtins(report))
        return
    tell(
        f"Claim: {report.claim.text}",
        f"Read as: {report.claim.reading}.",
        f"Results: {report.source}",
        f"Verdict: {report.verdict}",
    )
    show([_shown(item) for item in report.items], COLUMNS, as_json=False)


def _shown(item: "Item") -> dict[str, str]:
    cure = f"\n-> {item.cure}" if item.cure else ""
    return {"outcome": item.outcome, "name": item.name, "evidence": item.evidence + cure}
