"""A request to stop, as a file: it reaches the driver from any terminal and any machine."""

from pathlib import Path

from bestiary.store._connection import one_line_errors

REQUEST = "stop-request"


def request_stop(folder: Path) -> None:
    """Ask whoever drives the study in this folder to stop; its driver looks twice a second.

    Raises:
        UserError: the folder takes no file.
    """
    with one_line_errors(folder / REQUEST):
        (folder / REQUEST).touch()


def stop_requested(folder: Path) -> bool:
    """Whether a stop was asked for since `withdraw_request`."""
    return (folder / REQUEST).exists()


def withdraw_request(folder: Path) -> None:
    """Forget what was asked: of a driver before this one, or met."""
    (folder / REQUEST).unlink(missing_ok=True)
