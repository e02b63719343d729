"""The lines of a file of rows, plain or compressed by gzip or Zstandard."""

import zlib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

from bestiary.data._shown import shown
from bestiary.errors import UserError

GZIP = (".gz",)
ZSTANDARD = (".zst", ".zstd")
MOST_LINE_BYTES = 2**28

# What is fed at once: Zstandard can make 30,000 bytes of each, and memory must not follow.
_FED_BYTES = 2**12
_READ_BYTES = 2**20


class _Inflater(Protocol):
    """Decompresses one frame."""

    eof: bool
    unused_data: bytes

    def decompress(self, data: bytes, /) -> bytes:
        """What more of the frame says."""


def lines(path: Path) -> Iterator[bytes]:
    """Every line of a file, in memory that does not grow with it.

    Raises:
        UserError: a compressed file that ends in the middle or is damaged, a line of more than
            `MOST_LINE_BYTES`, or no package for it.
    """
    if path.suffix in (*GZIP, *ZSTANDARD):
        yield from _split(_inflated(path), path)
    else:
        with path.open("rb") as file:
            while line := file.readline(MOST_LINE_BYTES):
                yield _whole(line, path)


def _split(pieces: Iterator[bytes], path: Path) -> Iterator[bytes]:
    held: list[bytes] = []
    size = 0
    for piece in pieces:
        *ended, rest = piece.split(b"\n")
        for line in ended:
            yield b"".join((*held, line))
            held, size = [], 0
        held.append(rest)
        size += len(rest)
        if size >= MOST_LINE_BYTES:
            _whole(b"".join(held)[:MOST_LINE_BYTES], path)
    if size:
        yield b"".join(held)


def _whole(line: bytes, path: Path) -> bytes:
    if len(line) >= MOST_LINE_BYTES and not line.endswith(b"\n"):
        raise UserError(
            f"a row must be shorter than {MOST_LINE_BYTES} bytes, but one of {shown(path)} is "
            "not; is it one JSON object a line?"
        )
    return line


def _inflated(path: Path) -> Iterator[bytes]:
    """The content of a compressed file, which may be several frames one after another."""
    frame = None
    with path.open("rb") as file:
        while data := file.read(_READ_BYTES):
            for begin in range(0, len(data), _FED_BYTES):
                rest = data[begin : begin + _FED_BYTES]
                while rest:
                    frame = frame if frame and not frame.eof else _inflater(path)
                    yield _fed(frame, rest, path)
                    rest = frame.unused_data if frame.eof else b""
    if frame is None or not frame.eof:
        raise UserError(f"{shown(path)} ends in the middle; fetch or compress it again")


def _fed(frame: _Inflater, data: bytes, path: Path) -> bytes:
    try:
        return frame.decompress(data)
    except (zlib.error, OSError, RuntimeError) as error:
        raise _damaged(path, error) from None
    except Exception as error:  # zstandard.ZstdError, of a package that may not be there
        if type(error).__name__ != "ZstdError":
            raise
        raise _damaged(path, error) from None


def _damaged(path: Path, error: Exception) -> UserError:
    return UserError(f"{shown(path)} cannot be decompressed: {shown(error)}; fetch it again")


def _inflater(path: Path) -> Any:
    if path.suffix in GZIP:
        return zlib.decompressobj(wbits=31)
    try:
        zstandard: Any = import_module("zstandard")
    except ImportError:
        raise UserError(
            f"{shown(path)} needs the package zstandard; run: pip install zstandard"
        ) from None
    return zstandard.ZstdDecompressor().decompressobj()
