"""`bestiary studies`: the questions that `bestiary run` can answer."""

from bestiary.cli._flags import Switch
from bestiary.cli._listing import show
from bestiary.specs import Spec
from bestiary.studies import STUDIES


class Flags(Spec, frozen=True, kw_only=True):
    """List the studies.

    Attributes:
        json: Print JSON.
    """

    json: Switch = False


def run(flags: Flags) -> None:
    """Print every study with one line that says what it asks."""
    records = [{"name": name, "summary": entry.summary} for name, entry in STUDIES.items()]
    show(records, {"name": "study", "summary": "what it asks"}, as_json=flags.json)
