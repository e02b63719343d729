"""Compressed rows read like plain ones; what is cut or damaged is named and nothing is made."""

import gzip
import json
import os
from pathlib import Path
from typing import Any

import pytest

from bestiary.data import _lines, prepare, source
from bestiary.data._lines import lines
from bestiary.errors import UserError

ROWS = "".join(json.dumps({"text": f"{n} caf\u00e9 " * 50}) + "\n" for n in range(300)).encode()


def gzipped(data: bytes) -> bytes:
    """Two members, as tools that compress in parallel write them."""
    half = len(data) // 2
    return gzip.compress(data[:half], mtime=0) + gzip.compress(data[half:], mtime=0)


def zstandard(data: bytes) -> bytes:
    module: Any = pytest.importorskip("zstandard", reason="zstandard is not installed")
    half = len(data) // 2
    return module.compress(data[:half]) + module.compress(data[half:])


COMPRESSED = {".jsonl.gz": gzipped, ".json.gz": gzipped, ".jsonl.zst": zstandard}


@pytest.mark.parametrize("suffix", COMPRESSED)
def test_compressed_rows_read_like_plain_ones(tmp_path: Path, suffix: str) -> None:
    (tmp_path / "a.jsonl").write_bytes(ROWS)
    (tmp_path / f"b{suffix}").write_bytes(COMPRESSED[suffix](ROWS))
    assert list(lines(tmp_path / f"b{suffix}")) == ROWS.splitlines()
    digests = {
        prepare([source(tmp_path / name)], tmp_path / "c").spec.digest
        for name in ("a.jsonl", f"b{suffix}")
    }
    assert len(digests) == 1


def test_a_folder_may_hold_both(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(ROWS)
    (tmp_path / "b.jsonl.gz").write_bytes(gzipped(ROWS))
    assert [Path(path).name for path in source(tmp_path).paths] == ["a.jsonl", "b.jsonl.gz"]
    assert source(tmp_path).passed_over == ()


@pytest.mark.parametrize("suffix", [".jsonl.gz", ".jsonl.zst"])
@pytest.mark.parametrize("damage", ["cut", "cut between", "flipped", "empty frame", "other"])
def test_a_damaged_file_is_named(tmp_path: Path, suffix: str, damage: str) -> None:
    whole = COMPRESSED[suffix](ROWS)
    half = len(COMPRESSED[suffix](ROWS)) // 2
    content = {
        "cut": whole[:-5],
        "cut between": whole[: half // 2],
        "flipped": whole[: half // 2] + bytes([whole[half // 2] ^ 255]) + whole[half // 2 + 1 :],
        "empty frame": whole[:3],
        "other": b"no such thing" * 99,
    }[damage]
    path = tmp_path / f"bad{suffix}"
    path.write_bytes(content)
    with pytest.raises(UserError, match="bad") as caught:
        prepare([source(path)], tmp_path / "c")
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == [path.name]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.zst"])
def test_a_row_without_end_is_refused_before_memory_is(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_lines, "MOST_LINE_BYTES", 2**16)
    path = tmp_path / f"bomb{suffix}"
    path.write_bytes(COMPRESSED.get(suffix, bytes)(b"x" * 2**24))
    with pytest.raises(UserError, match=r"must be shorter than 65536 bytes, but one of .*bomb"):
        prepare([source(path)], tmp_path / "c")


@pytest.mark.parametrize("text", [b"a\nb", b"a\nb\n", b"\n\na", b"a" * 9000 + b"\n" + b"b" * 9000])
def test_lines_are_those_of_the_text(tmp_path: Path, text: bytes) -> None:
    path = tmp_path / "a.jsonl.gz"
    path.write_bytes(gzipped(text))
    assert list(lines(path)) == text.splitlines()
