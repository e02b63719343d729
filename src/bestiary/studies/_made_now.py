"""A study as it is made today: what it leaves to the program is written into it."""

import msgspec
from msgspec import UNSET

from bestiary.specs import Phases, Study


def made_now(study: Study) -> Study:
    """The study with the rule by which `bestiary` freezes today, where it names none.

    What is stored without that rule was begun before there was one, and goes on by the older.
    """
    phases = study.phases
    if not isinstance(phases, Phases) or phases.protocol != "bestiary":
        return study
    if phases.freezing is not UNSET:
        return study
    return msgspec.structs.replace(study, phases=msgspec.structs.replace(phases, freezing="shown"))
