"""What starts pilots somewhere, so that nobody has to log in there."""

import abc
import sys
from collections.abc import Sequence

import msgspec

from bestiary.errors import UserError

# How many processes below one unit of a launcher train: one, on the device that it was given.
WORKERS = 1
MISTAKE = 2


class PilotUnit(msgspec.Struct, frozen=True, kw_only=True):
    """A pilot that a launcher starts.

    Attributes:
        name: What the pilot's own name begins with.
        command: The command that is the pilot, without `--parent`.
    """

    name: str
    command: tuple[str, ...]


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A unit that is gone, for sure.

    Attributes:
        name: The unit.
        code: The exit code of its pilot; None where it did not come to that.
        reason: The last line of what it said, or why it was lost.
    """

    name: str
    code: int | None = None
    reason: str = ""

    @property
    def was_refused(self) -> bool:
        """Whether it would be refused again: another version, a folder that it does not see."""
        return self.code == MISTAKE


class AbstractLauncher(abc.ABC):
    """Starts pilots, knows which of them are gone, and takes back what it was lent."""

    @abc.abstractmethod
    def check(self) -> None:
        """Refuse what cannot be had, before anything is created.

        Raises:
            UserError: there is no such cluster, or it has nothing like what is asked for.
        """

    @abc.abstractmethod
    def start(self, folder: str) -> None:
        """Start the pilots of a study.

        Args:
            folder: The study's folder.

        Raises:
            UserError: there is no such cluster, or it has nothing like what is asked for.
        """

    @abc.abstractmethod
    def ended(self) -> list[Ended]:
        """The units that have gone since the last call; those worth another try start again.

        Raises:
            UserError: what is asked for is nowhere any more.
        """

    @property
    @abc.abstractmethod
    def living(self) -> int:
        """Units that wait for a machine, or have one."""

    @abc.abstractmethod
    def close(self) -> None:
        """Give everything back, the pilots that have not left by themselves included."""


def unit(folder: str, name: str, options: Sequence[str]) -> PilotUnit:
    """The pilot of one unit.

    Args:
        folder: The study's folder.
        name: What tells this unit from the others.
        options: Further options of `bestiary worker`.
    """
    command = (sys.executable, "-P", "-m", "bestiary.cli", "worker", folder)
    return PilotUnit(
        name=name, command=(*command, "--workers", str(WORKERS), "--name", name, *options)
    )


def missing_extra(extra: str, package: str) -> UserError:
    """The error where a launcher's package is not installed."""
    return UserError(
        f"--on {extra} needs the package {package}; install it with `pip install "
        f"'bestiary[{extra}]'`, here and wherever pilots run"
    )
