"""One try at a run. A run has one result at most, but may have had several attempts."""

from typing import Literal

from bestiary.specs import Spec

Outcome = Literal["running", "done", "diverged", "failed", "lost", "interrupted", "refused"]


class Attempt(Spec, frozen=True, kw_only=True):
    """One try at a run, in its own folder, so that a late writer can overwrite nothing.

    Attributes:
        run_id: The run tried.
        number: 1 for the first try.
        started: When it began, ISO 8601 in UTC; for people, nothing is decided by a clock.
        ended: When it ended, or empty while it runs.
        outcome: `running`; `done` and `diverged` (a result was committed); `failed` (an error that
            would come again); `lost` (the worker died or hung); `interrupted` (stopped on purpose,
            or the driver was gone); `refused` (another attempt had committed first).
        reason: One line on why it ended without a result.
    """

    run_id: str
    number: int
    started: str
    ended: str = ""
    outcome: Outcome = "running"
    reason: str = ""
