"""The folder in which a driver and its pilots exchange files: the one place that knows its form.

    pilots/driver.json              what the driver runs, and its heartbeat
    pilots/crew/PILOT.json          what a pilot is and does, and its heartbeat
    pilots/orders/ORDER.json        a job that nobody has
    pilots/claimed/PILOT/ORDER.json the same file, renamed by the pilot that has it
    pilots/answers/ORDER.json       what became of it
    pilots/refused/                 what was cut, edited or from another study

Every file is written whole under another name and renamed into place, and carries a hash of its
content and the version of this protocol: a reader sees all of it, or none, or that it is not what
was written. Nothing is decided by
a clock or a time stamp: a heartbeat is a count, and who watches it uses a clock of its own.
"""

import contextlib
import hashlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import TypeVar

import msgspec

from bestiary.errors import DiskError, UserError
from bestiary.launch._messages import Final, Job
from bestiary.specs import Spec
from bestiary.store import read_whole

FOLDER = "pilots"
# The form of these files. It grows with every change that an older reader would misunderstand.
PROTOCOL = 1
S = TypeVar("S", bound=Spec)


class DriverCard(Spec, frozen=True, kw_only=True):
    """What a driver says to all pilots.

    Attributes:
        session: Of this driver, different each time one starts.
        beat: Grows while the driver lives.
        study: Digest of the study.
        software: What the driver runs (`store.software`); a pilot must run the same.
        corpora: Its folder of prepared corpora.
        data: Digest of the corpus that the study reads.
        trainer: What trains a job, as `module:function`.
        over: The driver stops: what is trained is checkpointed and given back, and pilots go.
    """

    session: str
    beat: int
    study: str
    software: dict[str, str]
    corpora: str
    data: str
    trainer: str
    over: bool = False


class Order(Spec, frozen=True, kw_only=True):
    """A job, for whichever pilot claims it; its folders are relative to the study's."""

    study: str
    name: str
    job: Job


class Answer(Spec, frozen=True, kw_only=True):
    """What became of an order: the last event of its job, and all that was said on the way."""

    study: str
    order: str
    notices: tuple[str, ...] = ()
    event: Final


class Underway(Spec, frozen=True, kw_only=True):
    """How far an order is."""

    order: str
    step: int = 0
    loss: float | None = None
    notices: tuple[str, ...] = ()


class PilotCard(Spec, frozen=True, kw_only=True):
    """What a pilot says of itself.

    Attributes:
        pilot: Its name, which names its files.
        host: The machine.
        pid: The process there.
        slots: Orders that it trains at once.
        beat: Grows while it lives.
        underway: The orders that it has.
    """

    pilot: str
    host: str
    pid: int
    slots: int
    beat: int
    underway: tuple[Underway, ...] = ()


class Damaged(Exception):  # noqa: N818 - a finding
    """A file that is not what was written."""


class OtherProtocol(Damaged):
    """A file of another version of the protocol: it may be whole, but what it means is unknown."""


class _Sealed(msgspec.Struct, kw_only=True):
    protocol: int = 0  # the files of the first Bestiary with pilots do not say
    sha256: str = ""
    body: msgspec.Raw = msgspec.Raw(b"null")


class Exchange:
    """The files between one driver and its pilots, in the folder of a study."""

    def __init__(self, study_folder: Path) -> None:
        """Name the places; nothing is made yet."""
        self.study_folder = study_folder
        root = study_folder / FOLDER
        self.root, self.terms = root, root / "driver.json"
        self.orders, self.claimed = root / "orders", root / "claimed"
        self.answers, self.refused, self.crew = root / "answers", root / "refused", root / "crew"

    def lay(self) -> None:
        """Make the folders."""
        for folder in (self.orders, self.claimed, self.answers, self.crew, self.refused):
            folder.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Remove what another driver left: its orders, the claims on them, and their answers.

        Their runs are ordered anew and go on from their checkpoints; the pilots stay.
        """
        for path in [*self.orders.glob("*"), *self.claimed.glob("*/*"), *self.answers.glob("*")]:
            path.unlink(missing_ok=True)

    def order_file(self, name: str) -> Path:
        """Where an order lies that nobody has."""
        return self.orders / f"{name}.json"

    def answer_file(self, name: str) -> Path:
        """Where its answer will lie."""
        return self.answers / f"{name}.json"

    def card_file(self, pilot: str) -> Path:
        """Where a pilot keeps its card."""
        return self.crew / f"{pilot}.json"

    def claims(self) -> dict[str, str]:
        """Who has which order: pilots by the names of orders."""
        found: dict[str, str] = {}
        for folder in listed(self.claimed):
            found |= dict.fromkeys(names(self.claimed / folder), folder)
        return found

    def refuse(self, path: Path) -> None:
        """Put a file aside that is not what was written, for a person to look at."""
        self.refused.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.replace(path, self.refused / f"{path.stem}-{secrets.token_hex(2)}.json")


def listed(folder: Path) -> list[str]:
    """The names in a folder, sorted; none where it is not there (yet, or any more)."""
    try:
        return sorted(os.listdir(folder))
    except (FileNotFoundError, NotADirectoryError):
        return []


def names(folder: Path) -> list[str]:
    """The stems of the files that are whole: what is still being written has another ending."""
    return [name.removesuffix(".json") for name in listed(folder) if name.endswith(".json")]


def write(path: Path, content: Spec) -> None:
    """Put a file in place, whole and with its hash.

    It is not forced to the disk: a power cut may leave it empty, which its hash tells, and the run
    goes on from its checkpoint. What must be durable is the driver's commit, and that is.

    Args:
        path: Its place.
        content: What it says.

    Raises:
        DiskError: no space.
        UserError: no permission, or the folder is gone.
    """
    body = msgspec.json.encode(content)
    digest = hashlib.sha256(body).hexdigest()
    sealed = _Sealed(protocol=PROTOCOL, sha256=digest, body=msgspec.Raw(body))
    beside = path.with_name(f"{path.name}.{secrets.token_hex(4)}.part")
    with _one_line(path):
        try:
            with open(beside, "wb") as file:
                file.write(msgspec.json.encode(sealed))
            os.replace(beside, path)
        except OSError:
            with contextlib.suppress(OSError):
                beside.unlink()
            raise


def read(path: Path, kind: type[S]) -> S:
    """Read a file that `write` has put in place.

    Raises:
        FileNotFoundError: there is none.
        OtherProtocol: another version of Bestiary wrote it, whose files mean something else.
        Damaged: it is not what was written.
    """
    try:
        sealed = msgspec.json.decode(read_whole(path), type=_Sealed)
        body = bytes(sealed.body)
        if hashlib.sha256(body).hexdigest() == sealed.sha256:
            if sealed.protocol != PROTOCOL:
                raise OtherProtocol(
                    f"{path} is of version {sealed.protocol} of the protocol between driver and "
                    f"pilots, and this program speaks version {PROTOCOL}"
                )
            return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeError):
        pass
    raise Damaged(f"{path} was cut or edited")


def take(source: Path, target: Path) -> bool:
    """Rename a file, which of all that try at once exactly one can do; whether it was this one."""
    try:
        os.rename(source, target)
    except FileNotFoundError:
        # A network disk may have done it and lost its answer, then found nothing the second time.
        return os.path.exists(target)
    return True


@contextlib.contextmanager
def _one_line(path: Path) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError:
        raise UserError(f"{path.parent} is gone; the study's folder must stay in place") from None
    except PermissionError as error:
        raise UserError(f"cannot write {path}: {error.strerror}; check its owner") from None
    except OSError as error:
        raise DiskError(f"cannot write {path}: {error.strerror}; free some space") from None
