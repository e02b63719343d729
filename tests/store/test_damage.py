"""What is damaged in a study file counts as not there, with a notice; it is never read as data."""

import json
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.store.test_study import planned, result, study

from bestiary.errors import BestiaryError
from bestiary.specs import Planned, run_id
from bestiary.store import StudyStore, _study
from bestiary.store._seals import seal

ITEMS = [planned(seed) for seed in range(8)]
FLIPS = 1000


def filled(folder: Path) -> Path:
    """A study of eight runs: six done, one lost, one in training."""
    with StudyStore.create(folder, study(), command="bestiary run small") as store:
        store.plan(ITEMS)
        for item in ITEMS[:6]:
            assert store.commit(
                result(item, item.run.seed + 0.6184), store.begin_attempt(key(item))
            )
        store.end_attempt(store.begin_attempt(key(ITEMS[6])), "lost", "the worker died")
        store.begin_attempt(key(ITEMS[7]))
    return folder / "study.sqlite"


def key(item: Any) -> str:
    return run_id(item.run)


def content(folder: Path) -> dict[str, Any]:
    """All that is read of a study."""
    with StudyStore.open(folder, read_only=True) as store:
        return {
            "study": store.study,
            "planned": store.planned(),
            "results": store.results(),
            "attempts": store.attempts(),
            "meta": store.meta(),
        }


@pytest.mark.slow
def test_no_flipped_bit_is_silent(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    file = filled(tmp_path)
    whole, written = file.read_bytes(), content(tmp_path)
    source, told, errors = random.Random(0), 0, []
    for _ in range(FLIPS):
        damaged = bytearray(whole)
        damaged[source.randrange(len(whole))] ^= 1 << source.randrange(8)
        file.write_bytes(damaged)
        caplog.clear()
        try:
            found = content(tmp_path)
        except BestiaryError as error:  # anything else would be a traceback
            errors.append(str(error))
            continue
        assert found == written or caplog.messages
        told += bool(caplog.messages)
        # What is not told of as damaged is as it was written.
        assert found["results"].items() <= written["results"].items()
        assert found["planned"].items() <= written["planned"].items()
        assert found["study"] == written["study"]
    assert told + len(errors) > FLIPS / 4, "the file is mostly rows"
    assert not any("\n" in line or len(line) > 400 for line in errors)


@pytest.mark.parametrize(
    ("statement", "lost"),
    [
        ("UPDATE results SET result = replace(result, '0.6184', '-5.0') WHERE rowid = 1", {0}),
        ("UPDATE results SET state = 'diverged' WHERE rowid = 1", {0}),
        ("UPDATE results SET run_id = (SELECT run_id FROM planned WHERE rowid = 8)"
         " WHERE rowid = 1", {0}),
        ("UPDATE planned SET spec = replace(spec, '0.001', '0.002') WHERE rowid = 1", {0}),
        ("UPDATE planned SET run_id = 'f' WHERE rowid = 1", {0}),
        ("UPDATE planned SET purpose = 'report' WHERE rowid = 7", set()),
        ("DELETE FROM results WHERE rowid = 1", {0}),
        ("DELETE FROM seals WHERE name LIKE 'results/%'", {0, 1, 2, 3, 4, 5}),
        ("UPDATE attempts SET outcome = 'done' WHERE outcome = 'lost'", set()),
    ],
)  # fmt: skip
def test_what_was_edited_by_hand_is_done_again(
    statement: str, lost: set[int], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = filled(tmp_path)
    with sqlite3.connect(file) as connection:
        connection.execute(statement)
    connection.close()
    expected = {key(item) for item in ITEMS[:6]} - {key(ITEMS[seed]) for seed in lost}
    assert set(content(tmp_path)["results"]) == expected
    assert "is damaged" in caplog.text
    with StudyStore.create(tmp_path, study()) as store:
        with store.driving():
            store.plan(ITEMS)
            for seed in lost:
                attempt = store.begin_attempt(key(ITEMS[seed]))
                assert store.commit(result(ITEMS[seed]), attempt)
        assert set(store.results()) == {key(item) for item in ITEMS[:6]}
        assert store.planned() == {key(item): item for item in ITEMS}
    caplog.clear()
    assert len(content(tmp_path)["results"]) == 6
    assert caplog.messages == []


def test_a_lost_attempt_does_not_have_its_folder_written_by_the_next(tmp_path: Path) -> None:
    file = filled(tmp_path)
    with StudyStore.open(tmp_path) as store:
        (store.run_folder(key(ITEMS[7])) / "attempt-1").mkdir(parents=True)
        (store.run_folder(key(ITEMS[7])) / f"attempt-{10**20}").mkdir()  # not one of ours
    with sqlite3.connect(file) as connection:
        connection.execute("DELETE FROM attempts WHERE rowid = 8")
    connection.close()
    with StudyStore.open(tmp_path) as store, store.driving():
        assert store.begin_attempt(key(ITEMS[7])).number == 2


@pytest.mark.parametrize("field", ["study", "digest"])
def test_an_altered_question_is_refused_in_one_line(tmp_path: Path, field: str) -> None:
    file = filled(tmp_path)
    with sqlite3.connect(file) as connection:
        connection.execute("UPDATE meta SET value = replace(value, 'w', 'b') WHERE key = 'study'")
        connection.execute("UPDATE meta SET value = 'f' WHERE key = ?", (field,))
    connection.close()
    with pytest.raises(BestiaryError, match="is not what was written; restore a copy"):
        StudyStore.open(tmp_path)


def older(file: Path, change: Callable[[sqlite3.Connection], object] = lambda _: None) -> None:
    """Make it a file as the first Bestiary wrote it."""
    with sqlite3.connect(file) as connection:
        connection.execute("DROP TABLE seals")
        connection.execute("PRAGMA user_version = 1")
        change(connection)
    connection.close()


def test_a_file_without_hashes_is_read_and_gets_them(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    written = content(filled(tmp_path).parent)
    older(tmp_path / "study.sqlite")
    assert content(tmp_path) == written
    with StudyStore.create(tmp_path, study()) as store, store.driving():
        assert store.results() == written["results"]
    assert len([line for line in caplog.messages if "without hashes" in line]) == 1
    with sqlite3.connect(tmp_path / "study.sqlite") as connection:
        connection.execute("UPDATE results SET result = replace(result, '0.6184', '0.4851')")
    connection.close()
    assert content(tmp_path)["results"].keys() < written["results"].keys()


def test_in_a_file_without_hashes_the_run_id_is_checked(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    filled(tmp_path)
    change = "UPDATE planned SET spec = replace(spec, '0.001', '0.002') WHERE rowid = 1"
    other = json.dumps(msgspec.to_builtins(result(ITEMS[3])))
    older(tmp_path / "study.sqlite", lambda connection: connection.execute(change))
    with sqlite3.connect(tmp_path / "study.sqlite") as connection:
        connection.execute("UPDATE results SET result = ? WHERE rowid = 2", (other,))
    connection.close()
    found = content(tmp_path)
    assert set(found["results"]) == {key(item) for item in ITEMS[2:6]}
    assert len([line for line in caplog.messages if "its run is not done" in line]) == 3


@pytest.mark.parametrize("schema", [1, 2])
def test_a_row_is_of_its_run_by_the_identity_of_its_schema(tmp_path: Path, schema: int) -> None:
    """In schema 2 the corpus's name is no part of a run's identity, whatever signs it holds."""
    held = msgspec.structs.replace(study(), schema=schema)
    data = msgspec.structs.replace(held.data, name='a "b"\\ c')
    item = planned(0)
    run = msgspec.structs.replace(item.run, schema=schema, data=data)
    named = msgspec.structs.replace(item, run=run)
    with StudyStore.create(tmp_path, held) as store:
        store.plan([named])
        assert store.planned() == {run_id(run): named}
        store._connection.execute(
            "UPDATE planned SET spec = replace(spec, '\"seed\":0', '\"seed\":7')"
        )
        seal(store._connection, "planned")  # whoever edits may know of the hashes
        assert store.planned() == {}


@pytest.mark.parametrize("reading", ["contents", "results", "attempts"])
def test_a_result_that_comes_while_another_reads_is_not_called_damaged(
    reading: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(tmp_path)
    late, unhurried = planned(99), _study.read

    def read(connection: sqlite3.Connection, table: str) -> Any:
        rows = unhurried(connection, table)
        if not committed:
            committed.append(late)
            with StudyStore.open(tmp_path) as driver:
                driver.plan([late])
                driver.commit(result(late), driver.begin_attempt(key(late)))
        return rows

    with StudyStore.open(tmp_path, read_only=True) as reader:
        committed: list[Planned] = []
        monkeypatch.setattr(_study, "read", read)
        getattr(reader, reading)()
        assert key(late) in reader.results()
    assert caplog.messages == []
