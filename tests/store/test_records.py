"""Records: a whole study in one file, the same when it comes back, refused where it was changed."""

import gzip
import os
import re
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import msgspec
import pytest
from tests.quickstart import RECORDS

from bestiary.errors import UserError
from bestiary.store import TAKEN_FROM, StudyStore, read_records, restore, write_records


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    path = tmp_path / "copy.records.jsonl.gz"
    path.write_bytes(RECORDS.read_bytes())
    return path


def test_restored_and_written_again_they_are_the_same(tmp_path: Path) -> None:
    held = read_records(RECORDS)
    assert restore(held, tmp_path / "study") == len(held.results) > 0
    again = tmp_path / "again.records.jsonl.gz"
    with StudyStore.open(tmp_path / "study", read_only=True) as store:
        assert write_records(store, again) == len(held.planned)
        assert store.results() == held.results
        assert store.begun_with() == {}
    told = read_records(again)
    assert (told.study, told.results) == (held.study, held.results)
    assert list(told.planned.items()) == list(held.planned.items())
    assert restore(held, tmp_path / "study") == 0


def test_a_run_without_a_result_stays_without_one(tmp_path: Path) -> None:
    held = read_records(RECORDS)
    with StudyStore.create(tmp_path / "study", held.study) as store:
        store.plan(held.planned.values())
        write_records(store, tmp_path / "some.records.jsonl.gz")
    told = read_records(tmp_path / "some.records.jsonl.gz")
    assert told.planned == held.planned
    assert told.results == {}


def test_they_name_no_folder_of_the_machine_that_trained(tmp_path: Path) -> None:
    held = read_records(RECORDS)
    key, result = next(iter(held.results.items()))
    environment = {**result.environment, TAKEN_FROM: "/home/somebody/old-study"}
    results = {key: msgspec.structs.replace(result, environment=environment)}
    restore(msgspec.structs.replace(held, results=results), tmp_path / "study")
    with StudyStore.open(tmp_path / "study", read_only=True) as store:
        assert store.results()[key].environment == environment, "the folder itself knows it all"
        write_records(store, tmp_path / "some.records.jsonl.gz")
    told = read_records(tmp_path / "some.records.jsonl.gz").results[key].environment
    assert told == {**environment, TAKEN_FROM: "old-study"}


def changed(what: Callable[[bytes], bytes]) -> Callable[[bytes], bytes]:
    return lambda content: gzip.compress(what(gzip.decompress(content)))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda content: content[:-9], "is damaged.*; get a whole copy of it"),
        (lambda content: content[:40] + b"x" + content[41:], "is damaged"),
        (lambda content: b"no archive", "is damaged"),
        (lambda content: b"", "is damaged"),
        (changed(lambda text: b"\n".join(text.split(b"\n")[:-3]) + b"\n"), "is damaged"),
        (changed(lambda text: text.replace(b'"report":2.', b'"report":1.', 1)), "not those that"),
        (changed(lambda text: text.replace(b'"records":1', b'"records":9', 1)), "a newer one"),
    ],
)
def test_changed_they_are_refused(
    copy: Path, change: Callable[[bytes], bytes], message: str
) -> None:
    before = copy.read_bytes()
    copy.write_bytes(change(before))
    assert copy.read_bytes() != before
    with pytest.raises(UserError, match=message):
        read_records(copy)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (rb'"run_id":"[0-9a-f]{64}"', b'"run_id":"' + b"0" * 64 + b'"'),
        (rb'"price":"[^"]*"', b'"price":"much"'),
        (rb'"software":"[^"]*"', b'"software":"[]"'),
        (rb'"command":"[^"]*",', b""),
    ],
)
def test_what_somebody_made_up_with_its_hash_is_refused(copy: Path, old: bytes, new: bytes) -> None:
    body, _ = gzip.decompress(copy.read_bytes()).rstrip(b"\n").rsplit(b"\n", 1)
    forged, count = re.subn(old, new, body + b"\n", count=1)
    assert count == 1
    end = f'{{"runs":78,"sha256":"{sha256(forged).hexdigest()}"}}\n'
    copy.write_bytes(gzip.compress(forged + end.encode()))
    with pytest.raises(UserError, match="is damaged"):
        read_records(copy)


def test_what_cannot_be_read_or_written_is_named(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.records.jsonl.gz")
    with pytest.raises(UserError, match="not a file"):
        read_records(tmp_path / "pipe.records.jsonl.gz")
    (tmp_path / "pipe.records.jsonl.gz").unlink()
    with pytest.raises(UserError, match="no such file"):
        read_records(tmp_path / "none.records.jsonl.gz")
    with StudyStore.create(tmp_path / "study", read_records(RECORDS).study) as store:
        for path in (tmp_path / "odd.json", tmp_path / "no" / "a.records.jsonl.gz"):
            with pytest.raises(UserError, match="choose another --records"):
                write_records(store, path)
    assert sorted(os.listdir(tmp_path)) == ["study"]
