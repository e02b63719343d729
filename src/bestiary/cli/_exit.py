"""A command that was stopped on purpose: not a mistake, not a failure, and it can go on."""

from bestiary.errors import BestiaryError


class Stopped(BestiaryError):  # noqa: N818 - a request met, not an error
    """The work was stopped by a signal, and what was done is kept.

    Attributes:
        code: The exit code, by convention 128 plus the signal.
    """

    def __init__(self, message: str, code: int) -> None:
        """Say what was kept and how to go on."""
        super().__init__(message)
        self.code = code
