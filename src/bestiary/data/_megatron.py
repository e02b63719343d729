"""Tokens of Megatron-LM: a .bin of nothing but tokens, and an .idx that says what they are.

The index holds `MMIDIDX` and two zeros, the version (uint64, 1), a code of the type of the tokens
(uint8), the count of sequences and of document boundaries (uint64), and then for every sequence its
length (int32) and its byte in the .bin (int64), and the sequence at which every document begins
(int64; the last is the count of sequences). Little endian throughout.
Source: NVIDIA/Megatron-LM, `megatron/core/datasets/indexed_dataset.py`.
"""

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from bestiary.data._shown import shown, why
from bestiary.errors import UserError

MAGIC = b"MMIDIDX\0\0"
TYPES: dict[int, np.dtype] = {
    1: np.dtype("u1"),
    3: np.dtype("<i2"),
    4: np.dtype("<i4"),
    5: np.dtype("<i8"),
    8: np.dtype("<u2"),
}

_HEADER = struct.Struct("<9sQBQQ")
_RANGE_TOKENS = 2**24


class _Header(NamedTuple):
    """What stands at the beginning of an index."""

    dtype: np.dtype
    sequences: int
    boundaries: int


def tokens_beside(index: Path) -> Path:
    """The .bin that an .idx is of."""
    return index.with_suffix(".bin")


def megatron_documents(index: Path) -> Iterator[np.ndarray]:
    """The tokens of every document, some of which may be empty.

    Raises:
        UserError: the index is none, damaged, or not of the .bin beside it.
    """
    tokens, ends = _opened(index)
    begin = 0
    for end in ends:
        yield tokens[begin : int(end)]
        begin = int(end)


def check_megatron(index: Path, vocabulary: int) -> None:
    """Refuse tokens outside the vocabulary, naming the first one's byte offset.

    Raises:
        UserError: such a token, or as `megatron_documents`.
    """
    tokens, _ = _opened(index)
    for begin in range(0, tokens.size, _RANGE_TOKENS):
        block = tokens[begin : begin + _RANGE_TOKENS]
        if (wrong := (block < 0) | (block >= vocabulary)).any():
            place = begin + int(np.argmax(wrong))
            raise UserError(
                f"token ids must be below the vocabulary {vocabulary}, got {tokens[place]} "
                f"at byte {place * tokens.itemsize} of {shown(tokens_beside(index))}"
            )


def _opened(index: Path) -> tuple[np.ndarray, np.ndarray]:
    """All tokens, and where every document ends."""
    header = _header(index)
    lengths, pointers, boundaries = _tables(index, header)
    ends = np.concatenate(([0], np.cumsum(lengths, dtype=np.int64)))
    ordered = boundaries[0] == 0 and boundaries[-1] == header.sequences
    if not ordered or (np.diff(boundaries) < 0).any() or (lengths < 0).any():
        raise UserError(f"{shown(index)} is damaged: its documents do not follow one another")
    if (pointers != ends[:-1] * header.dtype.itemsize).any():
        raise UserError(f"the sequences of {shown(index)} must follow one another; write it again")
    return _mapped(tokens_beside(index), header.dtype, int(ends[-1])), ends[boundaries[1:]]


def _header(index: Path) -> _Header:
    with index.open("rb") as file:
        raw = file.read(_HEADER.size)
    if len(raw) < _HEADER.size or not raw.startswith(MAGIC):
        raise UserError(f"an .idx of Megatron-LM begins with MMIDIDX, but {shown(index)} does not")
    _, version, code, sequences, boundaries = _HEADER.unpack(raw)
    if version != 1 or code not in TYPES:
        raise UserError(
            f"an .idx must have version 1 and a type of whole numbers, got version {version} and "
            f"type {code} at byte 9 of {shown(index)}"
        )
    return _Header(TYPES[code], sequences, boundaries)


def _tables(index: Path, header: _Header) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Lengths and pointers of the sequences, and where documents begin; more may follow them."""
    need = _HEADER.size + 12 * header.sequences + 8 * header.boundaries
    size = index.stat().st_size
    if size < need or header.sequences < 1 or header.boundaries < 2:
        raise UserError(
            f"the header of {shown(index)} counts {header.sequences} sequences and "
            f"{header.boundaries} boundaries, but it has {size} bytes; write or fetch it again"
        )
    kinds = ("<i4", header.sequences), ("<i8", header.sequences), ("<i8", header.boundaries)
    tables, offset = [], _HEADER.size
    for kind, count in kinds:
        tables.append(np.memmap(index, kind, mode="r", offset=offset, shape=(count,)))
        offset += tables[-1].nbytes
    return tables[0], tables[1], tables[2]


def _mapped(path: Path, dtype: np.dtype, count: int) -> np.ndarray:
    try:
        size = path.stat().st_size
        if size == count * dtype.itemsize and count:
            return np.asarray(np.memmap(path, dtype, mode="r", shape=(count,)))
    except OSError as error:
        raise UserError(f"cannot read {shown(path)}, of its .idx: {why(error)}") from None
    raise UserError(
        f"the .idx of {shown(path)} counts {count} tokens of {dtype.itemsize} bytes, but it has "
        f"{size} bytes; write or fetch it again"
    )
