"""How a study stands is the same published or planned anew, and a damaged file costs nothing."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.tune.study import answer, study

from bestiary.errors import DiskError
from bestiary.launch import LocalExecutor, Standing, drive, standing
from bestiary.launch import _standing as module
from bestiary.launch._outlook import Outlook
from bestiary.specs import Planned, RunResult, run_id
from bestiary.store import StudyStore
from bestiary.tune import Planner

QUESTION = study(runs_per_cell=6)
RESULTS, ORDER = answer(QUESTION)


@pytest.fixture
def store(tmp_path: Path) -> StudyStore:
    made = StudyStore.create(tmp_path / "study", QUESTION)
    made._connection.execute("PRAGMA synchronous = OFF")
    return made


def commit(store: StudyStore, some: list[Planned]) -> None:
    store.plan(some)
    for one in some:
        identity = run_id(one.run)
        store.commit(RESULTS[identity], store.begin_attempt(identity))


def publish(store: StudyStore) -> Path:
    planner = Planner(QUESTION, store.results())
    outlook = Outlook(planner, store.planned(), slots=1, began=time.monotonic())
    module.Publisher(store, planner, outlook).update((), over=True)
    return store.folder / module.FILE


def timeless(one: Standing) -> Standing:
    return msgspec.structs.replace(one, written=0.0)


@pytest.mark.parametrize("done", [0, 5, len(ORDER)])
def test_what_is_published_is_what_planning_anew_says(store: StudyStore, done: int) -> None:
    commit(store, ORDER[:done])
    anew = standing(store)
    assert publish(store).exists()
    assert timeless(standing(store)) == timeless(anew)
    assert sum(row.done + row.failed for row in anew.rows) == done
    if done == len(ORDER):
        assert anew.left_on_table
        assert sum(row.at_most for row in anew.rows) == done


def test_a_reader_of_what_is_published_does_not_plan(
    store: StudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit(store, ORDER[:9])
    publish(store)
    commit(store, ORDER[9:12])
    anew = module._planned_anew(store)
    monkeypatch.setattr(module, "_planned_anew", lambda _: pytest.fail("planned anew"))
    found = standing(store)
    assert (found.newer, found.mark.results) == (3, 9)
    sums = [msgspec.structs.replace(row, at_most=0) for row in found.rows]
    assert sums == [msgspec.structs.replace(row, at_most=0) for row in anew.rows]


def cut(path: Path, store: StudyStore) -> None:
    path.write_bytes(path.read_bytes()[:-20])


def emptied(path: Path, store: StudyStore) -> None:
    path.write_bytes(b"")


def edited(path: Path, store: StudyStore) -> None:
    path.write_bytes(path.read_bytes().replace(b'"done":1', b'"done":7'))


def of_another_study(path: Path, store: StudyStore) -> None:
    found = msgspec.json.decode(path.read_bytes())["body"]
    module.write(path, msgspec.convert(found | {"study": "0" * 64}, Standing))


def behind_results_that_were_dropped(path: Path, store: StudyStore) -> None:
    store._connection.execute("PRAGMA foreign_keys = OFF")
    store._connection.execute("DELETE FROM results WHERE rowid = 2")


def behind_a_last_result_that_came_anew(path: Path, store: StudyStore) -> None:
    (row,) = store._connection.execute("SELECT * FROM results WHERE rowid = 4").fetchall()
    store._connection.execute("DELETE FROM results WHERE rowid = 4")
    other = row[-1].replace('"compile_seconds":0.5', '"compile_seconds":0.6')
    store._connection.execute("INSERT INTO results VALUES (?, ?, ?, ?)", (*row[:-1], other))


def a_pipe_in_its_place(path: Path, _: StudyStore) -> None:
    path.unlink()
    os.mkfifo(path)


def a_device_in_its_place(path: Path, _: StudyStore) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize(
    "harm",
    [
        a_pipe_in_its_place,
        a_device_in_its_place,
        cut,
        emptied,
        edited,
        of_another_study,
        behind_results_that_were_dropped,
        behind_a_last_result_that_came_anew,
    ],
)
def test_a_file_that_is_not_of_this_store_is_passed_over(
    harm: Callable[[Path, StudyStore], None], store: StudyStore
) -> None:
    commit(store, ORDER[:4])
    harm(publish(store), store)
    found = standing(store)
    assert found.newer == 0
    assert sum(row.done for row in found.rows) == len(store.results())


def test_a_disk_that_takes_no_file_does_not_stop_a_study(
    store: StudyStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(path: Path, content: object) -> None:
        raise DiskError("no space")

    monkeypatch.setattr(module, "write", full)
    commit(store, ORDER[:2])
    assert not publish(store).exists()
    assert sum(row.done for row in standing(store).rows) == 2


def test_results_that_were_forgotten_are_not_published_as_decided(store: StudyStore) -> None:
    commit(store, ORDER[:3])
    planner = Planner(QUESTION, store.results() | {"other": RunResult(run_id="x", state="failed")})
    outlook = Outlook(planner, store.planned(), slots=1, began=time.monotonic())
    module.Publisher(store, planner, outlook).update((), over=True)
    assert not (store.folder / module.FILE).exists()


@pytest.mark.slow
def test_a_driver_leaves_what_its_study_came_to(
    tmp_path: Path, executor: Callable[..., LocalExecutor], monkeypatch: pytest.MonkeyPatch
) -> None:
    store = StudyStore.create(tmp_path, study(runs_per_cell=1, seeds=(1,)))
    drive(store, executor("quick"))
    monkeypatch.setattr(module, "_planned_anew", lambda _: pytest.fail("planned anew"))
    found = standing(store)
    assert (found.newer, found.slots) == (0, 2)
    assert sum(row.done for row in found.rows) == sum(row.at_most for row in found.rows)
