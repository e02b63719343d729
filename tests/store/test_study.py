"""The study file: created whole, read while written, one result per run, nothing lost."""

import errno
import json
import os
import resource
import sqlite3
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import msgspec
import pytest

from bestiary.errors import BestiaryError, UserError
from bestiary.specs import (
    Candidate,
    Cell,
    DataSpec,
    Feasible,
    Freezing,
    ModelSpec,
    OptimizerSpec,
    Phases,
    Planned,
    RunResult,
    RunSpec,
    Study,
    Tuning,
    canonical_json,
    run_id,
)
from bestiary.store import StudyStore, _study, results_elsewhere
from bestiary.store._older import read_study

MODEL = ModelSpec(
    layers=1, hidden=8, intermediate=32, heads=1, key_value_heads=1, context=16, vocabulary=256
)
DATA = DataSpec(name="text", digest="0" * 64)
CELL = Cell(size="tiny", ratio=1.0)


def study(name: str = "small") -> Study:
    return Study(
        name=name,
        question="which?",
        candidates=(
            Candidate(
                name="adamw", label="AdamW", family="scalar", start={"learning_rate": 1e-3}, grid={}
            ),
        ),
        sizes={"tiny": MODEL},
        ratios=(1.0,),
        data=DATA,
        batch_size=2,
        tuning=Tuning(cells=(CELL,), runs_per_cell=3),
        seeds=(1, 2),
    )


def planned(seed: int) -> Planned:
    settings = {"learning_rate": 1e-3, "nesterov": True, "frequency": 10}
    return Planned(
        run=RunSpec(
            model=MODEL,
            data=DATA,
            optimizer=OptimizerSpec(name="adamw", settings=settings),
            batch_size=2,
            steps=3,
            seed=seed,
        ),
        optimizer="adamw",
        cell=CELL,
        purpose="tune",
        configuration=settings,
    )


def result(item: Planned, loss: float = 1.5) -> RunResult:
    return RunResult(run_id=run_id(item.run), state="done", loss={"selection": loss, "report": 2.0})


def files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_was_written_is_read_back(tmp_path: Path) -> None:
    items = [planned(seed) for seed in range(3)]
    with StudyStore.create(tmp_path / "a" / "b", study(), command="bestiary run small") as store:
        store.plan(items)
        store.plan(items)  # planning twice changes nothing
        attempt = store.begin_attempt(run_id(items[0].run))
        assert store.commit(result(items[0]), attempt)
    with StudyStore.open(tmp_path / "a" / "b", read_only=True) as store:
        assert store.study == study()
        assert store.meta()["command"] == "bestiary run small"
        assert list(store.planned().values()) == items
        assert list(store.planned()) == [run_id(item.run) for item in items]
        assert store.results() == {run_id(items[0].run): result(items[0])}
        assert [(one.number, one.outcome) for one in store.attempts()] == [(1, "done")]
        assert store.attempt_folder(attempt).parent == store.run_folder(attempt.run_id)


def test_the_first_commit_of_a_run_wins(tmp_path: Path) -> None:
    item = planned(0)
    with StudyStore.create(tmp_path, study()) as store:
        store.plan([item])
        zombie = store.begin_attempt(run_id(item.run))
        second = store.begin_attempt(run_id(item.run))
        assert second.number == 2
        assert store.commit(result(item, 1.0), second)
        assert not store.commit(result(item, 9.0), zombie)
        assert not store.commit(result(item, 9.0), second)
        assert store.results()[run_id(item.run)].loss["selection"] == 1.0
        assert [one.outcome for one in store.attempts()] == ["refused", "done"]


def test_an_attempt_that_was_given_up_cannot_commit(tmp_path: Path) -> None:
    item = planned(0)
    with StudyStore.create(tmp_path, study()) as store:
        store.plan([item])
        attempt = store.begin_attempt(run_id(item.run))
        store.end_attempt(attempt, "lost", "the worker died")
        assert not store.commit(result(item), attempt)
        assert store.results() == {}
        assert store.attempts()[0].reason == "the worker died"


def test_results_must_be_finite_and_planned(tmp_path: Path) -> None:
    item = planned(0)
    with StudyStore.create(tmp_path, study()) as store:
        with pytest.raises(BestiaryError, match="FOREIGN KEY"):
            store.begin_attempt(run_id(item.run))
        store.plan([item])
        attempt = store.begin_attempt(run_id(item.run))
        with pytest.raises(UserError, match="finite"):
            store.commit(result(item, float("nan")), attempt)
        assert store.results() == {}
        assert store.commit(result(item), attempt)


def test_creating_again_goes_on_and_another_study_is_refused(tmp_path: Path) -> None:
    item = planned(0)
    with StudyStore.create(tmp_path, study()) as store:
        store.plan([item])
    with StudyStore.create(tmp_path, study()) as store:
        assert len(store.planned()) == 1
    before = files(tmp_path)
    with pytest.raises(UserError, match=r"another study: name is .* not 'other'") as raised:
        StudyStore.create(tmp_path, study("other"))
    assert "\n" not in str(raised.value)
    assert files(tmp_path) == before


def test_the_order_of_a_grid_is_part_of_the_study(tmp_path: Path) -> None:
    """Coordinates are tuned in the order in which they are written."""
    start = {"learning_rate": 1e-3, "beta1": 0.9}
    grid = {"learning_rate": (1e-3,), "beta1": (0.9,)}

    def ordered(*names: str) -> Study:
        candidate = msgspec.structs.replace(
            study().candidates[0], start=start, grid={name: grid[name] for name in names}
        )
        return msgspec.structs.replace(study(), candidates=(candidate,))

    with StudyStore.create(tmp_path, ordered("learning_rate", "beta1")) as store:
        assert list(store.study.candidates[0].grid) == ["learning_rate", "beta1"]
    with StudyStore.open(tmp_path) as store:
        assert list(store.study.candidates[0].grid) == ["learning_rate", "beta1"]
    with pytest.raises(UserError, match="another study: a grid is in another order"):
        StudyStore.create(tmp_path, ordered("beta1", "learning_rate"))


def test_a_study_of_an_older_bestiary_goes_on(tmp_path: Path) -> None:
    """Fields that have come since have their defaults in it."""
    StudyStore.create(tmp_path, study()).close()
    connection = sqlite3.connect(tmp_path / "study.sqlite")
    (text,) = connection.execute("SELECT value FROM meta WHERE key = 'study'").fetchone()
    older = json.loads(text)
    connection.execute("DROP TABLE seals")
    connection.execute("PRAGMA user_version = 1")
    for one in older["candidates"]:
        del one["package"], one["ranges"]
    with connection:
        older_text = json.dumps(older)
        connection.execute("UPDATE meta SET value = ? WHERE key = 'study'", (older_text,))
    connection.close()
    with StudyStore.create(tmp_path, study()) as store:
        assert store.study == study()


def test_a_study_goes_on_with_the_ranges_that_it_began_with(tmp_path: Path) -> None:
    """A program that has learnt better what a number can be does not make it another study."""
    (one, *others), narrow = study().candidates, {"learning_rate": Feasible(high=1.0)}
    before = msgspec.structs.replace(one, ranges={"learning_rate": Feasible()})
    now = msgspec.structs.replace(one, ranges=narrow)
    begun = msgspec.structs.replace(study(), candidates=(before, *others))
    StudyStore.create(tmp_path, begun).close()
    with StudyStore.create(
        tmp_path, msgspec.structs.replace(study(), candidates=(now, *others))
    ) as store:
        assert store.study == begun


def test_a_study_from_before_rules_of_freezing_had_names_keeps_its_own(tmp_path: Path) -> None:
    """And its identity: what is not said is not written."""
    begun = msgspec.structs.replace(study(), phases=Phases())
    assert "freezing" not in canonical_json(begun)
    StudyStore.create(tmp_path, begun).close()
    named: dict[Freezing, Study] = {
        rule: msgspec.structs.replace(study(), phases=Phases(freezing=rule))
        for rule in ("shown", "near-optimal")
    }
    with StudyStore.create(tmp_path, named["shown"]) as store:
        assert store.study == begun
    StudyStore.create(tmp_path / "new", named["shown"]).close()
    with pytest.raises(UserError, match="freezing is 'shown', not 'near-optimal'"):
        StudyStore.create(tmp_path / "new", named["near-optimal"])


# A candidate as it was written before ranges travelled with it.
OLDER = """{"name":"normuon","label":"NorMuon","family":"matrix","schedule":"cosine",
"start":{"learning_rate":0.008,"neuron_beta":0.95,"warmup_fraction":0.1,"nesterov":true,
"weight_decay":0.1},
"grid":{"learning_rate":[0.004,0.008],"neuron_beta":[0.9,0.95],"decay":[0.5],"nesterov":[true]},
"extend":["learning_rate"],"package":"","limits":{"neuron_beta":1.0}}"""


def test_limits_of_an_older_study_become_ranges(tmp_path: Path) -> None:
    StudyStore.create(tmp_path, study()).close()
    connection = sqlite3.connect(tmp_path / "study.sqlite")
    (text,) = connection.execute("SELECT value FROM meta WHERE key = 'study'").fetchone()
    older = json.loads(text) | {"candidates": [json.loads(OLDER)], "baseline": "normuon"}
    with connection:
        connection.execute("UPDATE meta SET value = ? WHERE key = 'study'", (json.dumps(older),))
    connection.execute("DROP TABLE seals")
    connection.execute("PRAGMA user_version = 1")
    connection.close()
    with StudyStore.open(tmp_path) as store:
        held = store.study
    (one,) = held.candidates
    assert one.ranges == {
        "learning_rate": Feasible(),
        "neuron_beta": Feasible(0, 1, from_one=True),
        "decay": Feasible(),  # it had no limit, and goes on as it began
        "warmup_fraction": Feasible(0, 1),
        "weight_decay": Feasible(),
    }
    # Today's study of the same question knows more of the ranges: it goes on, and so it is planned.
    below_one = Feasible(0, 1, from_one=True, high_open=True)
    today = msgspec.structs.replace(
        held,
        candidates=(
            msgspec.structs.replace(
                one, ranges={"learning_rate": Feasible(low_open=True), "neuron_beta": below_one}
            ),
        ),
    )
    with StudyStore.create(tmp_path, today) as store:
        assert store.study == today
    other = msgspec.structs.replace(one, ranges={"neuron_beta": Feasible(0, 2)})
    with pytest.raises(UserError, match=r"ranges\.neuron_beta"):
        StudyStore.create(tmp_path, msgspec.structs.replace(held, candidates=(other,)))


def test_the_text_of_a_study_may_be_called_otherwise(tmp_path: Path) -> None:
    StudyStore.create(tmp_path, study()).close()
    called = msgspec.structs.replace(study(), data=DataSpec(name="copy", digest=DATA.digest))
    with StudyStore.create(tmp_path, called) as store:
        assert store.study == study()
    other = msgspec.structs.replace(study(), data=DataSpec(name="text", digest="1" * 64))
    with pytest.raises(UserError, match=r"another study: data\.digest"):
        StudyStore.create(tmp_path, other)


def test_a_study_whose_identities_held_the_name_goes_on_with_them(tmp_path: Path) -> None:
    older = msgspec.structs.replace(study(), schema=1)
    StudyStore.create(tmp_path, older).close()
    with StudyStore.create(tmp_path, study()) as store:
        assert store.study == older


def test_a_newer_schema_is_refused_and_untouched(tmp_path: Path) -> None:
    StudyStore.create(tmp_path, study()).close()
    connection = sqlite3.connect(tmp_path / "study.sqlite")
    connection.execute("PRAGMA user_version = 99")
    connection.close()
    before = files(tmp_path)
    for attempt in (
        lambda: StudyStore.open(tmp_path),
        lambda: StudyStore.open(tmp_path, read_only=True),
        lambda: StudyStore.create(tmp_path, study()),
    ):
        with pytest.raises(UserError, match="schema 99"):
            attempt()
    assert files(tmp_path) == before


def test_a_field_of_a_newer_study_is_refused_and_passed_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody asked for that folder: it is one of those that may hold equal runs."""
    StudyStore.create(tmp_path, study()).close()

    def newer(text: str) -> Study:
        return read_study(json.dumps(json.loads(text) | {"moods": [1]}))

    monkeypatch.setattr(_study, "read_study", newer)
    with pytest.raises(UserError, match=r"that a newer wrote .*unknown field `moods`"):
        StudyStore.open(tmp_path)
    assert results_elsewhere([tmp_path], {}) == {}


def test_what_is_not_a_study_is_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no study"):
        StudyStore.open(tmp_path / "nowhere")
    assert not (tmp_path / "nowhere").exists()
    (tmp_path / "study.sqlite").write_text("not a database at all\n" * 100)
    before = files(tmp_path)
    with pytest.raises(UserError, match="not a study"):
        StudyStore.create(tmp_path, study())
    assert files(tmp_path) == before
    (tmp_path / "file").touch()
    with pytest.raises(UserError, match="file"):
        StudyStore.create(tmp_path / "file", study())


def test_an_interrupted_creation_is_finished_by_the_next(tmp_path: Path) -> None:
    (tmp_path / "study.sqlite").touch()
    with StudyStore.create(tmp_path, study()) as store:
        assert store.results() == {}


def test_a_read_only_store_changes_nothing(tmp_path: Path) -> None:
    StudyStore.create(tmp_path, study()).close()
    with (
        StudyStore.open(tmp_path, read_only=True) as store,
        pytest.raises(UserError, match="readonly"),
    ):
        store.plan([planned(0)])


def test_readers_do_not_disturb_a_writer(tmp_path: Path) -> None:
    with StudyStore.create(tmp_path, study()) as writer:
        writer.plan([planned(seed) for seed in range(20)])
        with StudyStore.open(tmp_path, read_only=True) as reader:
            for done in range(20):
                item = planned(done)
                assert writer.commit(result(item), writer.begin_attempt(run_id(item.run)))
                assert len(reader.results()) == done + 1


@pytest.mark.slow
def test_eight_writers_at_once_wait_for_each_other_and_lose_nothing(tmp_path: Path) -> None:
    """The lock of the driver keeps them out; where a disk has none, the file still holds."""
    each = [[planned(8 * turn + writer) for turn in range(10)] for writer in range(8)]
    StudyStore.create(tmp_path, study()).close()

    def writing(items: list[Planned]) -> int:
        with StudyStore.open(tmp_path) as store:
            store.plan(items)
            return sum(
                store.commit(result(one), store.begin_attempt(run_id(one.run))) for one in items
            )

    with ThreadPoolExecutor(8) as pool:
        assert list(pool.map(writing, each)) == [10] * 8
    with StudyStore.open(tmp_path, read_only=True) as store:
        assert store.results().keys() == {run_id(one.run) for items in each for one in items}
    assert not list(tmp_path.glob("*-wal")), "write-ahead logging fails on network disks"


def test_a_second_driver_is_refused_by_name(tmp_path: Path) -> None:
    script = (
        "import sys; from bestiary.store import StudyStore\n"
        "with StudyStore.open(sys.argv[1]).driving():\n"
        "    print('driving', flush=True); sys.stdin.read()\n"
    )
    StudyStore.create(tmp_path, study()).close()
    holder = subprocess.Popen(
        [sys.executable, "-c", script, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdout
    with holder, StudyStore.open(tmp_path) as store:
        assert holder.stdout.readline() == "driving\n"
        assert store.driver().startswith(f"process {holder.pid} on ")
        with pytest.raises(UserError, match=f"process {holder.pid}"), store.driving():
            raise AssertionError("two drivers")
        holder.kill()  # the kernel gives the lock back
        holder.wait()
        assert store.driver() == ""
        with (
            store.driving(),
            StudyStore.open(tmp_path) as other,
            pytest.raises(UserError, match=f"process {os.getpid()}"),
            other.driving(),
        ):
            raise AssertionError("two drivers")


def test_a_new_driver_closes_what_a_dead_one_left_open(tmp_path: Path) -> None:
    item = planned(0)
    with StudyStore.create(tmp_path, study()) as store:
        store.plan([item])
        attempt = store.begin_attempt(run_id(item.run))
        with store.driving():
            assert store.attempts()[0].outcome == "interrupted"
            assert not store.commit(result(item), attempt)


def test_forgotten_failures_are_tried_again(tmp_path: Path) -> None:
    item = planned(0)
    with StudyStore.create(tmp_path, study()) as store:
        store.plan([item])
        failed = RunResult(run_id=run_id(item.run), state="failed", reason="out of memory")
        assert store.commit(failed, store.begin_attempt(failed.run_id))
        assert store.forget_failed() == 1
        assert store.results() == {}
        assert [one.outcome for one in store.attempts()] == ["interrupted"]
        assert store.forget_failed() == 0


@pytest.mark.parametrize("limit", [0, 512, 4096, 8192, 20_000])
def test_a_full_disk_is_one_line_and_loses_nothing(tmp_path: Path, limit: int) -> None:
    """The file may not grow: the commit fails whole, and succeeds when there is room again."""
    item = planned(0)
    with StudyStore.create(tmp_path, study()) as store:
        store.plan([item])
        attempt = store.begin_attempt(run_id(item.run))
        before = (tmp_path / "study.sqlite").stat().st_size
        large = msgspec.structs.replace(result(item), environment={"x": "y" * 60_000})
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (before + limit, hard))
        try:
            with pytest.raises(BestiaryError, match="cannot write") as raised:
                store.commit(large, attempt)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert "\n" not in str(raised.value)
        assert store.results() == {}
        assert store.commit(large, attempt)
    with StudyStore.open(tmp_path) as store:
        assert store.results() == {run_id(item.run): large}


@pytest.mark.slow
def test_killed_between_any_two_statements_the_file_is_whole(tmp_path: Path) -> None:
    """SIGKILL before statement n, for every n: either a result and its attempt, or neither."""
    script = Path(__file__).parent / "commit_and_die.py"
    item = planned(0)
    seen = set()
    for after in range(1, 30):
        folder = tmp_path / str(after)
        with StudyStore.create(folder, study()) as store:
            store.plan([item])
        text = msgspec.json.encode(result(item)).decode()
        done = subprocess.run(
            [sys.executable, str(script), str(folder), str(after), text], check=False
        )
        with StudyStore.open(folder) as store, store.driving():
            outcomes = [one.outcome for one in store.attempts()]
            assert (store.results() != {}) == (outcomes == ["done"])
        seen.add((done.returncode, *outcomes))
        if done.returncode == 0:
            break  # there is no later statement
    assert {(-9,), (-9, "interrupted"), (0, "done")} <= seen


def test_the_latest_price_of_a_device_is_kept(tmp_path: Path) -> None:
    with StudyStore.create(tmp_path, study()) as store:
        assert float(store.meta()["price"]) == 0
        for price in (2.0, 2.5):
            store.set_price(price)
    with StudyStore.open(tmp_path, read_only=True) as store:
        assert float(store.meta()["price"]) == 2.5


@pytest.mark.parametrize(
    ("number", "cure"),
    [
        (errno.ENOSPC, "No space left on device; free some space, or some files where no inodes"),
        (errno.EROFS, "Read-only file system; have the disk mounted for writing"),
        (errno.EACCES, "Permission denied; check the permissions of"),
    ],
)
def test_what_keeps_a_folder_from_taking_the_journal_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, cure: str
) -> None:
    """SQLite says "unable to open database file" of all of these."""

    def refused(*, dir: Path) -> None:
        raise OSError(number, os.strerror(number), str(dir))

    with StudyStore.create(tmp_path, study()) as store:
        (tmp_path / "study.sqlite-journal").mkdir()  # a file of that name cannot be made
        monkeypatch.setattr(tempfile, "TemporaryFile", refused)
        with pytest.raises(BestiaryError, match=cure) as raised:
            store.plan([planned(0)])
        assert isinstance(raised.value, UserError) == (number == errno.EACCES)
        (tmp_path / "study.sqlite-journal").rmdir()
        assert store.planned() == {}
