"""Checks every shard of a corpus against its manifest, and remembers which files passed.

What is remembered lies beside the shards in verified.json: size, times and inode of each file that
passed. A file that was touched, copied or replaced since is read again.
"""

import hashlib
import json
import os
from pathlib import Path

import numpy as np

from bestiary.data._manifest import Content, ShardRecord
from bestiary.data._shard import check_range, read_shard
from bestiary.data._tokens import Tokens
from bestiary.errors import UserError


def verified_shards(folder: Path, content: Content, *, afresh: bool) -> list[Tokens]:
    """The tokens of every part, training sources first, then selection and report.

    Raises:
        UserError: a shard is missing, a link, malformed, or not the one that was prepared.
    """
    passed = {} if afresh else _remembered(folder)
    seen: dict[str, list[int]] = {}
    parts = []
    for part in content.parts:
        shards = []
        for record in part.shards:
            path = folder / record.file
            signature = _signature(path)
            shards.append(_counted(path, record))
            if passed.get(record.file) != signature:
                _check_bytes(path, record, shards[-1], content.vocabulary)
            seen[record.file] = signature
        parts.append(Tokens(shards))
    if seen != passed:
        _remember(folder, seen)
    return parts


def _signature(path: Path) -> list[int]:
    try:
        status = os.lstat(path)
    except OSError as error:
        raise UserError(f"cannot read token shard {path}: {error.strerror}") from None
    if path.is_symlink() or not path.is_file():
        raise UserError(f"a shard of a corpus must be a plain file, not a link: {path}")
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino]


def _counted(path: Path, record: ShardRecord) -> np.ndarray:
    tokens = read_shard(path)
    if tokens.size != record.tokens:
        raise UserError(
            f"the manifest counts {record.tokens} tokens, but the header at byte 8 of {path} "
            f"counts {tokens.size}; delete the folder and prepare again"
        )
    return tokens


def _check_bytes(path: Path, record: ShardRecord, tokens: np.ndarray, vocabulary: int) -> None:
    check_range(path, tokens, vocabulary)
    with path.open("rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != record.sha256:
        raise UserError(
            f"{path} was changed (sha256 {found[:16]}, was {record.sha256[:16]}, "
            f"bytes 0 to {path.stat().st_size}); delete the folder and prepare again"
        )


def _remembered(folder: Path) -> dict[str, list[int]]:
    try:
        value = json.loads((folder / "verified.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def _remember(folder: Path, seen: dict[str, list[int]]) -> None:
    """Written by rename, so that a reader sees all or nothing; a read-only folder forgets."""
    temporary = folder / f"verified.json.{os.getpid()}"
    try:
        temporary.write_text(json.dumps(seen))
        os.replace(temporary, folder / "verified.json")
    except OSError:
        temporary.unlink(missing_ok=True)
