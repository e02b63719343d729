"""A checksum of every block of a corpus's shards, so that looking for bit rot is cheap.

CRC-32 runs at the speed of memory, finds every damage of up to 32 neighbouring bits and misses one
in four billion others. It says where a file is damaged; the sha256 of the manifest has the last
word, so a lost or damaged table of checksums costs time and nothing else.
"""

import contextlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from zlib import crc32

import msgspec

from bestiary.store import read_whole

FILE = "blocks.json"
BLOCK_BYTES = 2**20


def block_sums(path: Path) -> list[int]:
    """The checksum of every MiB of a file; the last block may be shorter."""
    sums = []
    with path.open("rb", buffering=0) as file:
        while block := file.read(BLOCK_BYTES):
            sums.append(crc32(block))
    return sums


def damaged_range(path: Path, sums: Sequence[int]) -> str:
    """Which bytes of a file are not those of its checksums, in blocks: `bytes 0 to 1048576`."""
    found = block_sums(path)
    wrong = [n for n, pair in enumerate(zip(found, sums, strict=False)) if pair[0] != pair[1]]
    first, last = (wrong[0], wrong[-1]) if wrong else (0, len(found) - 1)
    end = min((last + 1) * BLOCK_BYTES, path.stat().st_size)
    return f"bytes {first * BLOCK_BYTES} to {end}"


def read_sums(folder: Path) -> dict[str, list[int]]:
    """The checksums of every shard, by file; empty where they are missing or malformed."""
    try:
        return msgspec.json.decode(read_whole(folder / FILE), type=dict[str, list[int]])
    except (OSError, ValueError, RecursionError):
        return {}


def write_sums(folder: Path, sums: Mapping[str, Sequence[int]]) -> None:
    """Written by rename, so that a reader sees all or nothing; a read-only folder goes without."""
    temporary = folder / f"{FILE}.{os.getpid()}"
    try:
        temporary.write_bytes(msgspec.json.encode(sums))
        os.replace(temporary, folder / FILE)
    except OSError:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
