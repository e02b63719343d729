"""Checks every shard of a corpus against its manifest, and remembers which files passed.

What is remembered lies beside the shards in verified.json: size, times and inode of each file that
passed, and when each machine last read all of them. A file that was touched, copied or replaced
since is read again; and disks rot without touching a time, so every machine reads all of them once,
and again after `VERIFY_AFTER_SECONDS`, by the checksums of their blocks.
"""

import contextlib
import hashlib
import os
import socket
import time
from pathlib import Path

import msgspec
import numpy as np

from bestiary.data._blocks import block_sums, damaged_range, read_sums, write_sums
from bestiary.data._manifest import Content, ShardRecord
from bestiary.data._shard import check_range, read_shard
from bestiary.data._tokens import Tokens
from bestiary.errors import UserError
from bestiary.specs import Spec
from bestiary.store import open_file, read_whole

VERIFY_AFTER_SECONDS = 7 * 24 * 3600.0

_FILE = "verified.json"


class _Memory(Spec, frozen=True, kw_only=True):
    """What has passed.

    Attributes:
        files: Size, times and inode of every file that passed.
        machines: By host name, when it last read all of them, in seconds since 1970.
    """

    files: dict[str, tuple[int, int, int, int]] = {}
    machines: dict[str, float] = {}

    def is_due(self, now: float) -> bool:
        """Whether this machine must read all files again, also where its clock went back."""
        age = now - self.machines.get(socket.gethostname(), -VERIFY_AFTER_SECONDS)
        return not 0 <= age < VERIFY_AFTER_SECONDS


def verified_shards(folder: Path, content: Content, *, afresh: bool) -> list[Tokens]:
    """The tokens of every part, training sources first, then selection and report.

    Args:
        folder: The corpus.
        content: What its manifest says.
        afresh: Read every sha256, whatever is remembered.

    Raises:
        UserError: a shard is missing, a link, malformed, or not the one that was prepared.
    """
    now = time.time()
    memory = _Memory() if afresh else _remembered(folder)
    check = _Check(folder, content.vocabulary, memory, is_due=memory.is_due(now))
    parts = [Tokens([check.passed(record) for record in part.shards]) for part in content.parts]
    check.remember(now)
    return parts


class _Check:
    """One look at the shards of a corpus."""

    def __init__(self, folder: Path, vocabulary: int, memory: _Memory, *, is_due: bool) -> None:
        self._folder = folder
        self._vocabulary = vocabulary
        self._memory = memory
        self._is_due = is_due
        self._seen: dict[str, tuple[int, int, int, int]] = {}
        self._sums = read_sums(folder)
        self._new_sums: dict[str, list[int]] = {}

    def passed(self, record: ShardRecord) -> np.ndarray:
        """The tokens of a shard, read as far as it must be."""
        path = self._folder / record.file
        signature = _signature(path)
        tokens = _counted(path, record)
        is_known = self._memory.files.get(record.file) == signature
        if not is_known or (self._is_due and not self._blocks_pass(path)):
            _check_bytes(path, record, tokens, self._vocabulary, self._sums.get(record.file))
            if record.file not in self._sums or is_known:
                self._new_sums[record.file] = block_sums(path)
        self._seen[record.file] = signature
        return tokens

    def remember(self, now: float) -> None:
        """That all shards have passed."""
        if self._new_sums:
            write_sums(self._folder, {**self._sums, **self._new_sums})
        machines = dict(self._memory.machines)
        if self._is_due:
            machines[socket.gethostname()] = now
        memory = _Memory(files=self._seen, machines=machines)
        if memory != self._memory:
            _remember(self._folder, memory)

    def _blocks_pass(self, path: Path) -> bool:
        return self._sums.get(path.name) == block_sums(path)


def _signature(path: Path) -> tuple[int, int, int, int]:
    try:
        status = os.lstat(path)
    except OSError as error:
        raise UserError(f"cannot read token shard {path}: {error.strerror}") from None
    if path.is_symlink() or not path.is_file():
        raise UserError(f"a shard of a corpus must be a plain file, not a link: {path}")
    return status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino


def _counted(path: Path, record: ShardRecord) -> np.ndarray:
    tokens = read_shard(path)
    if tokens.size != record.tokens:
        raise UserError(
            f"the manifest counts {record.tokens} tokens, but the header at byte 8 of {path} "
            f"counts {tokens.size}; delete the folder and prepare again"
        )
    return tokens


def _check_bytes(
    path: Path, record: ShardRecord, tokens: np.ndarray, vocabulary: int, sums: list[int] | None
) -> None:
    check_range(path, tokens, vocabulary)
    with open_file(path) as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != record.sha256:
        where = damaged_range(path, sums or [])
        raise UserError(
            f"{path} was changed, or the disk lost some of it (sha256 {found[:16]}, was "
            f"{record.sha256[:16]}, {where}); delete the folder and prepare again"
        )


def verified_at(folder: Path) -> dict[str, float]:
    """By host name, when each machine last read all of a corpus, in seconds since 1970."""
    return _remembered(folder).machines


def _remembered(folder: Path) -> _Memory:
    try:
        return msgspec.json.decode(read_whole(folder / _FILE), type=_Memory)
    except (OSError, ValueError, RecursionError):
        return _Memory()


def _remember(folder: Path, memory: _Memory) -> None:
    """Written by rename, so that a reader sees all or nothing; a read-only folder forgets."""
    temporary = folder / f"{_FILE}.{os.getpid()}"
    try:
        temporary.write_bytes(msgspec.json.encode(memory))
        os.replace(temporary, folder / _FILE)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
