"""A source as a sequence of documents: the units that are split into training and validation.

A document is a file of the standard library, a row of .jsonl or .parquet, a member of a tar, or a
piece of a .txt file or of a token shard: a contiguous range that overlaps no other.
"""

import json
import mmap
import os
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple
from zlib import crc32

import numpy as np

from bestiary.data._lines import lines
from bestiary.data._megatron import megatron_documents
from bestiary.data._shard import read_shard
from bestiary.data._shown import shown, why
from bestiary.data._source import Source
from bestiary.data._stdlib import stdlib_files
from bestiary.data._tars import ROWS, TEXT, Member, members
from bestiary.errors import SHOWN, UserError

PIECE_BYTES = 8192
LEAST_PIECE_BYTES = 64
PIECE_TOKENS = 8192
CUT_BYTES = 32  # what decides whether a text is cut; not more than half a piece


class Document(NamedTuple):
    """One document.

    Attributes:
        key: What decides its split: the content, so that copies stay together, or a stable name.
        text: UTF-8 without NUL; empty for a piece of a token shard.
        tokens: The tokens of a piece of a token shard, else None.
    """

    key: bytes
    text: bytes
    tokens: np.ndarray | None = None

    @property
    def written(self) -> bytes:
        """What is compared with other documents: the text, or the tokens as bytes."""
        return self.text if self.tokens is None else self.tokens.tobytes()

    @property
    def size(self) -> int:
        """Bytes of text, or the tokens of a piece of a shard."""
        return len(self.text) if self.tokens is None else self.tokens.size


class _Wanted(NamedTuple):
    """How the files of a source are read: the field of a row, the size of a piece of text."""

    field: str
    piece_bytes: int


def documents(source: Source, skipped: Counter[str] | None = None) -> Iterator[Document]:
    """Every document of a source, in order.

    Args:
        source: What is read.
        skipped: Counts what is not used, by reason.

    Raises:
        UserError: a file that is missing, empty, binary or malformed; it and the place are named.
    """
    skipped = Counter() if skipped is None else skipped
    if source.kind == "stdlib":
        yield from _stdlib_documents(skipped)
        return
    read, wanted = READERS[source.kind], _Wanted(source.field, _piece_bytes(source))
    for path in map(Path, source.paths):
        try:
            if not path.is_file():
                raise UserError(f"no such file: {shown(path)}")
            if path.stat().st_size == 0:
                raise UserError(f"the text must not be empty, but {shown(path)} has 0 bytes")
            yield from read(path, wanted, skipped)
        except OSError as error:
            raise UserError(f"cannot read {shown(path)}: {why(error)}") from None


def _stdlib_documents(skipped: Counter[str]) -> Iterator[Document]:
    for name, path in stdlib_files():
        text = path.read_bytes()
        if reason := _unusable(text):
            skipped[f"files {reason}"] += 1
        else:
            yield Document(name.encode(), text)


def _unusable(text: bytes) -> str:
    """Why a text cannot be used; empty where it can."""
    if not text:
        return "without text"
    if b"\0" in text:
        return "with a binary byte 0"
    return "" if _is_utf8(text) else "that are not UTF-8"


def _is_utf8(text: bytes) -> bool:
    try:
        text.decode()
    except UnicodeDecodeError:
        return False
    return True


def _pieces(path: Path, wanted: _Wanted, skipped: Counter[str]) -> Iterator[Document]:
    """Cut a text into pieces of about 8 KiB (less if all is short) at the ends of paragraphs.

    Where it is cut follows from what stands there, and not from where the text begins, so that two
    editions of one text are soon cut alike, and their pieces are copies.
    """
    del skipped
    name, target = shown(path), wanted.piece_bytes
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        begin = 0
        while begin < len(text):
            end = _piece_end(text, begin + target // 2, begin + 3 * target // 2)
            piece = _checked_text(text[begin:end], f"byte {begin} of {name}")
            yield Document(piece, piece)
            begin = end


def _piece_bytes(source: Source) -> int:
    """About 1/64 of all of a short text: a power of two, so that editions of one have the same."""
    if source.kind != "text":
        return PIECE_BYTES
    total = sum(os.path.getsize(path) for path in source.paths if os.path.isfile(path))
    return min(PIECE_BYTES, max(LEAST_PIECE_BYTES, 1 << max(0, total.bit_length() - 7)))


def _piece_end(text: mmap.mmap, low: int, high: int) -> int:
    """The end of a paragraph in [low, high), or of a line, or of a word, or of a character.

    Of several, the one whose last bytes have the least checksum.
    """
    if high >= len(text):
        return len(text)
    window = text[low - CUT_BYTES : high]
    for mark in (b"\n\n", b"\n", b" "):
        ends = [found.end() for found in re.finditer(mark, window) if found.start() >= CUT_BYTES]
        if ends:
            return low - CUT_BYTES + min(ends, key=lambda end: crc32(window[end - CUT_BYTES : end]))
    while text[high] & 0xC0 == 0x80 and high > low:
        high -= 1
    return high


def _without_nul(text: bytes, place: str) -> bytes:
    if b"\0" in text:
        raise UserError(f"the text must not contain NUL, but a binary byte 0 follows {place}")
    return text


def _checked_text(text: bytes, place: str) -> bytes:
    _without_nul(text, place)
    if not _is_utf8(text):
        raise UserError(f"the text must be UTF-8, but it is not after {place}; convert it (iconv)")
    return text


def _rows(path: Path, wanted: _Wanted, skipped: Counter[str]) -> Iterator[Document]:
    name = shown(path)
    for number, line in enumerate(lines(path), start=1):
        if not line.strip():
            skipped["blank lines"] += 1
        elif text := _row_text(line, wanted.field, f"line {number} of {name}"):
            yield Document(text, text)
        else:
            skipped["rows without text"] += 1


def _row_text(line: bytes, field: str, place: str) -> bytes:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise UserError(f"every line must be JSON, but {place} is not: {error}") from None
    if not isinstance(row, dict):
        raise UserError(f"every line must be a JSON object, got {type(row).__name__} at {place}")
    if field not in row:
        raise _no_field(field, row, place)
    return _encoded(row[field], f"field {shown(field)!r} at {place}")


def _tar_members(path: Path, wanted: _Wanted, skipped: Counter[str]) -> Iterator[Document]:
    for member in members(path, skipped):
        place = f"{shown(member.name)} in {shown(path)}"
        texts = (
            [_checked_text(member.data, place)]
            if member.kind == TEXT
            else _member_rows(member, wanted.field, place)
        )
        for text in texts:
            if text:
                yield Document(text, text)
            else:
                skipped["rows without text"] += 1


def _member_rows(member: Member, field: str, place: str) -> Iterator[bytes]:
    rows = member.data.splitlines() if member.kind == ROWS else [member.data]
    return (_row_text(row, field, place) for row in rows if row.strip())


def _columns(path: Path, wanted: _Wanted, skipped: Counter[str]) -> Iterator[Document]:
    try:
        pyarrow: Any = import_module("pyarrow")
        parquet: Any = import_module("pyarrow.parquet")
    except ImportError:
        raise UserError(
            f"{shown(path)} needs the package pyarrow; run: pip install pyarrow"
        ) from None
    try:
        table = parquet.ParquetFile(path)
    except (pyarrow.ArrowException, OSError) as error:
        first = shown(str(error).splitlines()[0])
        raise UserError(f"{shown(path)} is not a readable parquet file: {first}") from None
    with table:
        if wanted.field not in table.schema_arrow.names:
            raise _no_field(wanted.field, table.schema_arrow.names, shown(path))
        name, row = shown(path), 0
        for batch in table.iter_batches(columns=[wanted.field]):
            for value in batch.column(0).to_pylist():
                text = _encoded(value, f"row {row} of {name}")
                row += 1
                if text:
                    yield Document(text, text)
                else:
                    skipped["rows without text"] += 1


def _no_field(field: str, known: Iterable[str], place: str) -> UserError:
    names = list(known)
    more = f" and {len(names) - SHOWN} more" if len(names) > SHOWN else ""
    listed = ", ".join(map(shown, names[:SHOWN])) + more
    return UserError(
        f"the text is looked for in the field {shown(field)!r}, but {place} has {listed}; "
        "say which it is, as in PATH,field=NAME"
    )


def _encoded(value: object, place: str) -> bytes:
    if not isinstance(value, str):
        raise UserError(f"the text must be a string, got {type(value).__name__}: {place}")
    try:
        return _without_nul(value.encode(), place)
    except UnicodeEncodeError:
        raise UserError(f"the text must be valid Unicode, but a lone surrogate: {place}") from None


def _blocks(path: Path, wanted: _Wanted, skipped: Counter[str]) -> Iterator[Document]:
    del wanted, skipped
    tokens = read_shard(path)
    for begin in range(0, tokens.size, PIECE_TOKENS):
        block = tokens[begin : begin + PIECE_TOKENS]
        yield Document(block.tobytes(), b"", block)


def _indexed(path: Path, wanted: _Wanted, skipped: Counter[str]) -> Iterator[Document]:
    del wanted
    for tokens in megatron_documents(path):
        if tokens.size:
            yield Document(tokens.tobytes(), b"", tokens)
        else:
            skipped["documents without tokens"] += 1


READERS: dict[str, Callable[[Path, _Wanted, Counter[str]], Iterator[Document]]] = {
    "text": _pieces,
    "jsonl": _rows,
    "parquet": _columns,
    "tar": _tar_members,
    "shards": _blocks,
    "megatron": _indexed,
}
