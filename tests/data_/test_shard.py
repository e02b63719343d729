"""Shards are llm.c's format to the byte, and no damage goes unnoticed."""

import itertools
import json
import os
import shutil
import struct
import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.data import Corpus, _verify, read_shard, write_shard
from bestiary.errors import UserError

FORMATS = {"<u2": (20240520, 1, "H"), "<u4": (20240801, 7, "I")}


@pytest.mark.parametrize("dtype", FORMATS)
def test_the_bytes_are_those_of_llm_c(tmp_path: Path, dtype: str) -> None:
    """The reference is the format as llm.c's dev/data/data_common.py describes it."""
    magic, version, letter = FORMATS[dtype]
    ids = [0, 1, 258, 65535]
    expected = struct.pack("<256i", magic, version, 4, *[0] * 253) + struct.pack(
        f"<4{letter}", *ids
    )
    write_shard(tmp_path / "a.bin", np.array(ids, dtype))
    assert (tmp_path / "a.bin").read_bytes() == expected
    back = read_shard(tmp_path / "a.bin")
    assert back.tolist() == ids
    assert back.dtype == np.dtype(dtype)
    assert not back.flags.writeable


@settings(max_examples=25, deadline=None)
@given(st.lists(st.lists(st.integers(0, 65535), max_size=50), min_size=1, max_size=5))
def test_what_is_written_is_read(chunks: list[list[int]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "x.bin")
        write_shard(path, [np.array(chunk, "<u2") for chunk in chunks])
        assert read_shard(path).tolist() == list(itertools.chain(*chunks))


def test_a_shard_is_never_overwritten(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.bin", np.arange(3, dtype="<u2"))
    with pytest.raises(FileExistsError):
        write_shard(tmp_path / "a.bin", np.arange(4, dtype="<u2"))
    assert read_shard(tmp_path / "a.bin").size == 3


@pytest.mark.parametrize("dtype", ["<i8", "<i4", ">u2", "<f4", "u1"])
def test_other_types_are_not_written(tmp_path: Path, dtype: str) -> None:
    with pytest.raises(UserError, match="uint16 or uint32"):
        write_shard(tmp_path / "a.bin", np.arange(3).astype(dtype))
    assert not (tmp_path / "a.bin").exists()


def header(magic: int, version: int, count: int, order: str = "<") -> bytes:
    return struct.pack(f"{order}256i", magic, version, count, *[0] * 253)


# A serialised Python object that, loaded, would make a folder: the test looks for it.
EVIL = b"cos\nmkdir\n(S'executed'\ntR."
NPY = b"\x93NUMPY\x01\x00v\x00{'descr': '|O', 'fortran_order': False, 'shape': (1,), }".ljust(128)

TOKENS = np.arange(8, dtype="<u2").tobytes()
REFUSED = {
    "empty": (b"", "1024 bytes"),
    "half a header": (header(20240520, 1, 8)[:500], "1024 bytes"),
    "other magic": (header(20240521, 1, 8) + TOKENS, "byte 0"),
    "other version": (header(20240520, 2, 8) + TOKENS, "byte 4"),
    "version of the other magic": (header(20240801, 1, 8) + TOKENS * 2, "byte 4"),
    "count too large": (header(20240520, 1, 9) + TOKENS, "byte 8"),
    "count too small": (header(20240520, 1, 7) + TOKENS, "byte 8"),
    "negative count": (header(20240520, 1, -8) + TOKENS, "byte 8"),
    "huge count": (header(20240520, 1, 2**31 - 1) + TOKENS, "byte 8"),
    "a torn token": (header(20240520, 1, 8) + TOKENS[:-1], "byte 8"),
    "uint32 said to be uint16": (header(20240520, 1, 8) + TOKENS * 2, "byte 8"),
    "big endian": (header(20240520, 1, 8, ">") + TOKENS, "big endian"),
    "npy of objects": (NPY + EVIL + b"\0" * 2048, "byte 0"),
    "serialised object": (EVIL + b"\0" * 2048, "byte 0"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_malformed_files_are_refused_by_name_and_place(
    tmp_path: Path, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    content, message = REFUSED[case]
    (tmp_path / "bad.bin").write_bytes(content)
    with pytest.raises(UserError, match=message) as caught:
        read_shard(tmp_path / "bad.bin")
    assert "bad.bin" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert os.listdir(tmp_path) == ["bad.bin"]


@pytest.fixture
def copy(mixed: Corpus, tmp_path: Path) -> tuple[Path, str]:
    """A corpus of our own to damage, opened once so that its hashes are remembered."""
    digest = mixed.spec.digest
    shutil.copytree(mixed.folder, tmp_path / digest)
    Corpus.open(tmp_path, digest)
    return tmp_path, digest


def shards(copy: tuple[Path, str]) -> list[Path]:
    return sorted((copy[0] / copy[1]).glob("*.bin"))


def refused(copy: tuple[Path, str], match: str = ".+") -> str:
    with pytest.raises(UserError, match=match) as caught:
        Corpus.open(*copy)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.slow
def test_no_bit_flip_is_silent(copy: tuple[Path, str]) -> None:
    rng = np.random.default_rng(0)
    files = [*shards(copy), copy[0] / copy[1] / "manifest.json"]
    silent = []
    for path in files:
        whole = path.read_bytes()
        places = [*range(12), len(whole) - 1, *rng.integers(0, len(whole), 20)]
        for place in places:
            bit = int(rng.integers(8))
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << bit]) + whole[place + 1 :])
            try:
                opened = Corpus.open(*copy)
            except UserError:
                continue
            if path.suffix == ".bin" or opened.manifest.content != intact(copy, path, whole):
                silent.append((path.name, place, bit))
        path.write_bytes(whole)
    assert not silent
    Corpus.open(*copy)


def intact(copy: tuple[Path, str], path: Path, whole: bytes) -> object:
    """The content of the undamaged manifest: flips in names and spaces may pass, content not."""
    path.write_bytes(whole)
    return Corpus.open(*copy).manifest.content


def test_truncation_swap_and_loss_are_refused(copy: tuple[Path, str]) -> None:
    for path in shards(copy):
        whole = path.read_bytes()
        for damaged in (whole[:-2], whole[:1024], whole[:100], b"", whole + b"\0\0"):
            path.write_bytes(damaged)
            assert path.name in refused(copy)
        path.write_bytes(whole[:-600] + b"\0" * 600)
        assert path.name in refused(copy, "changed")
        path.unlink()
        assert path.name in refused(copy, "cannot read")
        os.mkfifo(path)
        assert path.name in refused(copy)
        path.unlink()
        path.write_bytes(whole)
    first, second, *_ = shards(copy)
    first.rename(first.with_suffix(".x"))
    second.rename(first)
    first.with_suffix(".x").rename(second)
    refused(copy)


def test_a_consistent_shard_of_another_length_is_refused(copy: tuple[Path, str]) -> None:
    path = shards(copy)[0]
    path.unlink()
    write_shard(path, np.zeros(100, "<u2"))
    refused(copy, "counts 100")


def test_an_id_outside_the_vocabulary_is_named_with_its_offset(copy: tuple[Path, str]) -> None:
    path = shards(copy)[-1]
    data = bytearray(path.read_bytes())
    data[1024 + 2 * 77 : 1024 + 2 * 77 + 2] = struct.pack("<H", 256)
    path.write_bytes(data)
    assert f"got 256 at byte {1024 + 2 * 77} of" in refused(copy, "vocabulary 256")


def test_links_and_foreign_names_are_refused(copy: tuple[Path, str]) -> None:
    folder, digest = copy
    path = shards(copy)[0]
    outside = folder / "outside.bin"
    path.rename(outside)
    path.symlink_to(outside)
    refused(copy, "not a link")
    path.unlink()
    outside.rename(path)
    manifest = folder / digest / "manifest.json"
    manifest.write_text(manifest.read_text().replace(path.name, "../outside.bin"))
    refused(copy, "regex")
    (folder / digest).rename(folder / "real")
    (folder / digest).symlink_to(folder / "real")
    refused(copy, "symbolic link")


@pytest.mark.parametrize("digest", ["", "..", "../" + "0" * 64, "g" * 64, "0" * 63])
def test_a_digest_is_only_a_digest(tmp_path: Path, digest: str) -> None:
    with pytest.raises(UserError, match="64 hexadecimal"):
        Corpus.open(tmp_path, digest)
    with pytest.raises(UserError, match="prepare it first"):
        Corpus.open(tmp_path, "0" * 64)


@pytest.mark.parametrize("text", ["", "[]", "{}", "[" * 100_000, '{"name": NaN}', "\xff\xfe"])
def test_a_damaged_manifest_is_refused(copy: tuple[Path, str], text: str) -> None:
    (copy[0] / copy[1] / "manifest.json").write_text(text, "latin-1")
    assert "manifest.json" in refused(copy)


def test_hashes_are_remembered_until_a_file_changes(
    copy: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    monkeypatch.setattr(
        "bestiary.data._verify._check_bytes", lambda path, *rest: hashed.append(path.name)
    )
    Corpus.open(*copy)
    assert hashed == []
    os.utime(shards(copy)[0])
    Corpus.open(*copy)
    assert hashed == [shards(copy)[0].name]
    Corpus.open(*copy, verify=True)
    assert len(hashed) == 1 + len(shards(copy))


def rotten(copy: tuple[Path, str], place: int = 2000) -> Path:
    """A byte is lost on the device: sizes and times are as they were."""
    path = shards(copy)[0]
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(data)
    memory = copy[0] / copy[1] / "verified.json"
    known = json.loads(memory.read_bytes())
    status = path.stat()
    known["files"][path.name] = [
        *(status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino)
    ]
    memory.write_text(json.dumps(known))
    return path


def test_rot_is_found_by_the_next_machine(
    copy: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = rotten(copy)
    Corpus.open(*copy)  # this machine has read all of it, and nothing says that it changed
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    assert path.name in refused(copy, "the disk lost some of it .* bytes 0 to ")


@pytest.mark.parametrize("later", [7 * 24 * 3600 + 1, -3600])
def test_rot_is_found_after_a_week(
    copy: tuple[Path, str], later: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or when the clock went back, which makes the last time unknown."""
    rotten(copy)
    Corpus.open(*copy)
    now = time.time()
    monkeypatch.setattr("time.time", lambda: now + later)
    refused(copy, "the disk lost some of it")


def test_rot_is_found_when_it_is_looked_for(copy: tuple[Path, str]) -> None:
    path = rotten(copy)
    with pytest.raises(UserError, match=path.name):
        Corpus.open(*copy, verify=True)


def test_the_damaged_block_is_named(
    copy: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bestiary.data._blocks.BLOCK_BYTES", 2048)
    (copy[0] / copy[1] / "blocks.json").unlink()
    Corpus.open(*copy, verify=True)
    path = rotten(copy, 3 * 2048 + 8)
    with pytest.raises(UserError, match="bytes 6144 to 8192") as caught:
        Corpus.open(*copy, verify=True)
    assert path.name in str(caught.value)


def test_every_machine_reads_all_blocks_once_a_week(
    copy: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    sums = _verify.block_sums
    monkeypatch.setattr(_verify, "block_sums", lambda path: read.append(path.name) or sums(path))
    hashed: list[str] = []
    monkeypatch.setattr(_verify, "_check_bytes", lambda path, *rest: hashed.append(path.name))
    everything = sorted(path.name for path in shards(copy))
    now = time.time()
    for host, later, expected in [
        ("first", 0, everything),
        ("first", 3600, []),
        ("second", 3600, everything),
        ("first", 7200, []),
        ("first", 8 * 24 * 3600, everything),
        ("first", 8 * 24 * 3600 + 1, []),
    ]:
        read.clear()
        monkeypatch.setattr("socket.gethostname", lambda host=host: host)
        monkeypatch.setattr("time.time", lambda later=later: now + later)
        Corpus.open(*copy)
        assert sorted(read) == expected
    assert hashed == []


@pytest.mark.parametrize("table", [None, "", "[1]", '{"train-0-00000.bin": [7]}', "[" * 100_000])
def test_damaged_checksums_only_cost_time(
    copy: tuple[Path, str], table: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = copy[0] / copy[1] / "blocks.json"
    whole = path.read_bytes()
    if table is None:
        path.unlink()
    else:
        path.write_text(table)
    monkeypatch.setattr("socket.gethostname", lambda: "another")
    Corpus.open(*copy)
    assert json.loads(path.read_bytes()) == json.loads(whole)
    rotten(copy)
    monkeypatch.setattr("socket.gethostname", lambda: "a third")
    refused(copy, "the disk lost some of it")


@pytest.mark.parametrize(
    "memory", ["", "[1]", '{"train-0-00000.bin": 7}', '{"files": {"a": [1]}}', "[" * 100_000]
)
def test_a_damaged_memory_only_costs_time(copy: tuple[Path, str], memory: str) -> None:
    path = shards(copy)[0]
    data = bytearray(path.read_bytes())
    data[-2] ^= 1
    path.write_bytes(data)
    (copy[0] / copy[1] / "verified.json").write_text(memory)
    refused(copy)


@pytest.mark.parametrize("name", ["manifest.json", "blocks.json", "verified.json"])
def test_a_pipe_in_the_place_of_a_record_is_not_waited_for(
    copy: tuple[Path, str], name: str
) -> None:
    Corpus.open(*copy)
    path = copy[0] / copy[1] / name
    path.unlink(missing_ok=True)
    os.mkfifo(path)
    if name == "manifest.json":
        assert "not a file" in refused(copy)
    else:
        assert Corpus.open(*copy).spec.digest == copy[1]
