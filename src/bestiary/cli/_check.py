"""`bestiary check`: a claim and its results in, a list of verdicts out."""

import msgspec
import tyro

from bestiary.cli._flags import Switch
from bestiary.cli._listing import print_json, show
from bestiary.cli._results import findings_of
from bestiary.cli._telling import tell
from bestiary.errors import UserError
from bestiary.specs import Spec

COLUMNS = {"outcome": "", "name": "question", "evidence": "evidence", "cure": "cure"}


class Flags(Spec, frozen=True, kw_only=True):
    """Check a claim.

    Attributes:
        claim: The claim in quotes, for instance "Muon is 1.4x faster than AdamW".
        results: A study folder, imported results, or `fantastic2025` (the published study).
        json: Print JSON.
    """

    claim: tyro.conf.Positional[str] = ""
    results: tyro.conf.Positional[str] = "fantastic2025"
    json: Switch = False


def run(flags: Flags) -> None:
    """Print what a careful reader would ask, with the answers."""
    if not flags.claim:
        raise UserError("state the claim in quotes: bestiary check 'Muon is 2x faster than AdamW'")
    from bestiary.analysis.answers import check

    report = check(flags.claim, findings_of(flags.results))
    if flags.json:
        print_json(msgspec.to_builtins(report))
        return
    tell(f"Claim: {report.claim.text}", f"Results: {report.source}")
    show([msgspec.to_builtins(item) for item in report.items], COLUMNS, as_json=False)
    tell(report.verdict)
