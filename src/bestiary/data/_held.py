"""Which corpora a folder holds, and what was left there unfinished."""

import os
import re
import socket
from pathlib import Path
from typing import NamedTuple

from bestiary.data._corpus import read_manifest
from bestiary.data._manifest import Manifest
from bestiary.data._publish import abandoned, unfinished
from bestiary.data._shown import shown, why
from bestiary.data._verify import verified_at
from bestiary.errors import UserError, unknown

_LEAST_DIGITS = 4


class Held(NamedTuple):
    """A corpus in a folder, as its manifest states it; nothing else of it was read.

    Attributes:
        digest: Its name.
        manifest: What is in it; None where that cannot be read.
        verified: When this machine last read all of it, in seconds since 1970; 0 for never.
        damage: Why the manifest cannot be read; else empty.
    """

    digest: str
    manifest: Manifest | None
    verified: float
    damage: str = ""


class Leftover(NamedTuple):
    """A folder in which a corpus was being prepared: its name, and whether nobody writes there."""

    name: str
    is_abandoned: bool


def held(folder: Path) -> list[Held]:
    """Every corpus of a folder, by name and digest; a folder that is not there holds none.

    Raises:
        UserError: the folder cannot be read.
    """
    found = [_held(folder, name) for name in _names(folder) if re.fullmatch("[0-9a-f]{64}", name)]
    return sorted(found, key=lambda one: (one.manifest.name if one.manifest else "", one.digest))


def leftovers(folder: Path) -> list[Leftover]:
    """What is unfinished: being written by some process, or left by one that died."""
    dead = set(abandoned(folder))
    return [Leftover(name, name in dead) for name in unfinished(folder)]


def digest_of(folder: Path, beginning: str) -> str:
    """The digest of the one corpus whose digest begins so, or that is called so.

    Raises:
        UserError: none is, or several are.
    """
    every = held(folder)
    called = [one.digest for one in every if one.manifest and one.manifest.name == beginning]
    is_digits = re.fullmatch(f"[0-9a-f]{{{_LEAST_DIGITS},64}}", beginning)
    found = [one.digest for one in every if is_digits and one.digest.startswith(beginning)]
    match found or called:
        case [digest]:
            return digest
        case []:
            names = {one.manifest.name for one in every if one.manifest}
            raise unknown("corpus", shown(beginning), sorted(names) or ["none is prepared yet"])
        case several:
            listed = ", ".join(digest[:12] for digest in several)
            raise UserError(
                f"several corpora are called {shown(beginning)}: {listed}; name one of these"
            )


def _names(folder: Path) -> list[str]:
    try:
        return os.listdir(folder)
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read the folder {shown(folder)}: {why(error)}") from None


def _held(folder: Path, digest: str) -> Held:
    try:
        manifest = read_manifest(folder / digest)
    except UserError as error:
        return Held(digest, None, 0.0, str(error))
    return Held(digest, manifest, verified_at(folder / digest).get(socket.gethostname(), 0.0))
