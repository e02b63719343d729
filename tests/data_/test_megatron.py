"""Tokens of Megatron-LM are read as its format says, and no damage goes unnoticed."""

import os
import struct
from pathlib import Path

import numpy as np
import pytest

from bestiary.data import prepare, source, write_shard
from bestiary.data._documents import documents
from bestiary.errors import UserError

CODES = {"u1": 1, "<i2": 3, "<i4": 4, "<i8": 5, "<u2": 8}


def index(code: int, lengths: list[int], itemsize: int, boundaries: list[int]) -> bytes:
    """The bytes of an .idx, as `_IndexWriter` of Megatron-LM writes them."""
    pointers = np.concatenate(([0], np.cumsum(lengths)[:-1])) * itemsize
    header = struct.pack("<9sQBQQ", b"MMIDIDX\0\0", 1, code, len(lengths), len(boundaries))
    tables = (np.array(lengths, "<i4"), pointers.astype("<i8"), np.array(boundaries, "<i8"))
    return header + b"".join(table.tobytes() for table in tables)


def written(folder: Path, kind: str = "<u2", count: int = 200) -> list[list[int]]:
    """Documents of one to three sequences; one is empty."""
    rng = np.random.default_rng(0)
    told, lengths, boundaries = [], [], [0]
    for number in range(count):
        sequences = [rng.integers(0, 120, int(rng.integers(20, 90))) for _ in range(number % 4)]
        lengths += [one.size for one in sequences]
        boundaries.append(len(lengths))
        told.append([int(token) for one in sequences for token in one])
    tokens = np.array([token for document in told for token in document], kind)
    (folder / "a.bin").write_bytes(tokens.tobytes())
    (folder / "a.idx").write_bytes(index(CODES[kind], lengths, tokens.itemsize, boundaries))
    return told


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("name", ["a.bin", "a.idx", "."])
def test_documents_are_those_that_were_written(tmp_path: Path, kind: str, name: str) -> None:
    told = written(tmp_path, kind)
    origin = source(tmp_path / name)
    assert origin.kind == "megatron"
    assert origin.passed_over == ()
    found = [one.tokens.tolist() for one in documents(origin) if one.tokens is not None]
    assert found == [document for document in told if document]


def test_a_corpus_has_all_documents_and_says_which_were_empty(tmp_path: Path) -> None:
    told = written(tmp_path)
    corpus = prepare([source(tmp_path / "a.idx", bytes_per_token=4.0)], tmp_path / "c")
    assert corpus.reading is not None
    tokens = sum(split.tokens for split in corpus.reading.splits.values())
    assert tokens == sum(map(len, told))
    assert corpus.reading.sources[0].skipped == {"documents without tokens": 50}
    assert corpus.bytes_per_token("train") == pytest.approx(4.0)
    assert corpus.manifest.tokenizer == "given"


def test_a_changed_bin_is_read_again(tmp_path: Path) -> None:
    written(tmp_path)
    first = prepare([source(tmp_path / "a.idx")], tmp_path / "c").spec
    data = bytearray((tmp_path / "a.bin").read_bytes())
    data[0] ^= 1
    (tmp_path / "a.bin").write_bytes(data)
    assert prepare([source(tmp_path / "a.idx")], tmp_path / "c").spec.digest != first.digest


def damaged(case: str, whole: bytes, tokens: bytes) -> tuple[bytes, bytes]:
    rows = struct.unpack("<Q", whole[18:26])[0]
    boundaries = 34 + 12 * rows
    return {
        "no index": (b"text" * 99, tokens),
        "empty": (b"", tokens),
        "version": (whole[:9] + struct.pack("<Q", 2) + whole[17:], tokens),
        "floats": (whole[:17] + b"\7" + whole[18:], tokens),
        "cut": (whole[:-4], tokens),
        "half": (whole[: len(whole) // 2], tokens),
        "counts": (whole[:18] + struct.pack("<Q", 2**60) + whole[26:], tokens),
        "no sequences": (whole[:18] + struct.pack("<QQ", 0, 0) + whole[34:], tokens),
        "negative": (whole[:34] + struct.pack("<i", -1) + whole[38:], tokens),
        "pointer": (whole[: 34 + 4 * rows] + b"\2" + whole[35 + 4 * rows :], tokens),
        "order": (
            whole[: boundaries + 8] + struct.pack("<q", 999) + whole[boundaries + 16 :],
            tokens,
        ),
        "short": (whole, tokens[:-2]),
        "torn": (whole, tokens[:-1]),
        "outside": (whole, tokens[:-2] + b"\xff\xff"),
    }[case]


@pytest.mark.parametrize(
    "case",
    [
        *("no index", "empty", "version", "floats", "cut", "half", "counts", "no sequences"),
        *("negative", "pointer", "order", "short", "torn", "outside"),
    ],
)
def test_damage_is_one_line_with_nothing_made(tmp_path: Path, case: str) -> None:
    written(tmp_path)
    files = damaged(case, (tmp_path / "a.idx").read_bytes(), (tmp_path / "a.bin").read_bytes())
    (tmp_path / "a.idx").write_bytes(files[0])
    (tmp_path / "a.bin").write_bytes(files[1])
    with pytest.raises(UserError, match=r"a\.(idx|bin)") as caught:
        prepare([source(tmp_path / "a.idx")], tmp_path / "c")
    assert "\n" not in str(caught.value)
    assert sorted(os.listdir(tmp_path)) == ["a.bin", "a.idx"]


def test_an_index_without_its_tokens_is_refused(tmp_path: Path) -> None:
    written(tmp_path)
    (tmp_path / "a.bin").unlink()
    with pytest.raises(UserError, match=r"cannot read .*a\.bin, of its \.idx"):
        prepare([source(tmp_path / "a.idx")], tmp_path / "c")


def test_shards_of_llm_c_beside_them_are_another_kind(tmp_path: Path) -> None:
    written(tmp_path)
    write_shard(tmp_path / "b.bin", np.arange(99, dtype="<u2"))
    assert source(tmp_path / "b.bin").kind == "shards"
    with pytest.raises(UserError, match="of one kind"):
        source(tmp_path)
