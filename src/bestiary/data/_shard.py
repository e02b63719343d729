"""Token shards in llm.c's .bin format: a header of 256 int32, then the tokens, little endian.

`header[0]` is the magic number, `header[1]` the version, `header[2]` the count of tokens.
Magic 20240520, version 1 holds uint16 (GPT-2 and byte vocabularies); magic 20240801, version 7
holds uint32 (Llama-3 vocabularies). Source: karpathy/llm.c, `dev/data/data_common.py`.
"""

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from bestiary.errors import UserError
from bestiary.store import open_file

HEADER_BYTES = 1024
FORMATS: dict[int, tuple[int, np.dtype]] = {
    20240520: (1, np.dtype("<u2")),
    20240801: (7, np.dtype("<u4")),
}
MAGIC = {2: 20240520, 4: 20240801}
MAX_TOKENS = 2**31 - 1  # the count is an int32


def token_dtype(vocabulary: int) -> np.dtype:
    """uint16 where every id fits, else uint32."""
    return np.dtype("<u2") if vocabulary <= 2**16 else np.dtype("<u4")


def write_shard(path: str | Path, tokens: Iterable[np.ndarray] | np.ndarray) -> str:
    """Write one shard, durable when this returns, and return the sha256 of its bytes.

    Args:
        path: A file that must not exist yet.
        tokens: uint16 or uint32 tokens, at once or as an iterable of arrays of one type.

    Raises:
        UserError: tokens of another type, or more than the format can count.
        FileExistsError: the file is already there.
    """
    chunks = [tokens] if isinstance(tokens, np.ndarray) else list(tokens)
    dtype = _one_dtype(chunks)
    count = sum(chunk.size for chunk in chunks)
    if count > MAX_TOKENS:
        raise UserError(f"a shard holds at most {MAX_TOKENS} tokens, got {count}; write several")
    hasher = hashlib.sha256()
    with open(path, "xb") as file:
        for block in (_header(dtype, count), *chunks):
            data = np.ascontiguousarray(block).data.cast("B") if block.size else b""
            hasher.update(data)
            file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return hasher.hexdigest()


def read_shard(path: str | Path) -> np.ndarray:
    """The tokens of a shard as a read-only memory map, after checking its header and size.

    Raises:
        UserError: not a shard, another version or byte order, or a count that the size denies;
            the message names the file and the byte offset.
    """
    path = Path(path)
    dtype, count = _checked_header(path)
    if count == 0:
        return np.empty(0, dtype)
    return np.asarray(np.memmap(path, dtype, mode="r", offset=HEADER_BYTES, shape=(count,)))


def check_range(path: str | Path, tokens: np.ndarray, vocabulary: int) -> None:
    """Refuse a shard with a token id outside the vocabulary, naming the first one's byte offset."""
    for begin in range(0, tokens.size, 2**22):
        # Read, not mapped: pages of a map count as the process's memory, and it should stay flat.
        offset = HEADER_BYTES + begin * tokens.itemsize
        block = np.fromfile(path, tokens.dtype, 2**22, offset=offset)
        if int(block.max()) >= vocabulary:
            index = begin + int(np.argmax(block >= vocabulary))
            raise UserError(
                f"token ids must be below the vocabulary {vocabulary}, got {tokens[index]} "
                f"at byte {HEADER_BYTES + index * tokens.itemsize} of {path}"
            )


def _header(dtype: np.dtype, count: int) -> np.ndarray:
    header = np.zeros(256, "<i4")
    magic = MAGIC[dtype.itemsize]
    header[:3] = magic, FORMATS[magic][0], count
    return header


def _one_dtype(chunks: list[np.ndarray]) -> np.dtype:
    kinds = {chunk.dtype for chunk in chunks}
    if len(kinds) != 1 or kinds.isdisjoint({np.dtype("<u2"), np.dtype("<u4")}):
        raise UserError(f"shards hold uint16 or uint32 tokens, got {sorted(map(str, kinds))}")
    return kinds.pop()


def _checked_header(path: Path) -> tuple[np.dtype, int]:
    try:
        size = path.stat().st_size
        with open_file(path) as file:
            raw = file.read(HEADER_BYTES)
    except OSError as error:
        raise UserError(f"cannot read token shard {path}: {error.strerror}") from None
    if len(raw) < HEADER_BYTES:
        raise UserError(f"a token shard has a header of 1024 bytes, but {path} has {len(raw)}")
    magic, version, count = (int(value) for value in np.frombuffer(raw, "<i4")[:3])
    if magic not in FORMATS:
        raise UserError(_wrong_magic(path, raw, magic))
    expected, dtype = FORMATS[magic]
    if version != expected:
        raise UserError(f"shard version must be {expected}, got {version} at byte 4 of {path}")
    if count < 0 or size != HEADER_BYTES + count * dtype.itemsize:
        raise UserError(
            f"the header at byte 8 of {path} counts {count} tokens, but the file has "
            f"{size - HEADER_BYTES} bytes of them, {dtype.itemsize} each; write or fetch it again"
        )
    return dtype, count


def _wrong_magic(path: Path, raw: bytes, magic: int) -> str:
    if int(np.frombuffer(raw, ">i4")[0]) in FORMATS:
        return f"token shards are little endian, but {path} is big endian (byte 0); swap its bytes"
    known = " or ".join(map(str, FORMATS))
    return f"a token shard begins with {known}, got {magic} at byte 0 of {path}; is it llm.c .bin?"
