"""Several runs as one job: the same table as run by run, whoever spoils it."""

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest
from tests.launch.test_drive import Log, assert_exactly_once, small
from tests.tune.study import answer, study

from bestiary.errors import StopRequested
from bestiary.launch import LocalExecutor, ReusingExecutor, Snapshot, drive
from bestiary.launch._populations import alike, lay, members, settle
from bestiary.specs import RunSpec, ScheduleSpec, run_id
from bestiary.store import StudyStore, metrics_file, request_stop
from bestiary.tune import Caps

Make = Callable[..., LocalExecutor]
RUN = answer(small())[1][0].run


def together(folder: Path) -> list[tuple[str, ...]]:
    """The populations that were trained, each by the note in its first run's folder."""
    notes = {members(path.parent) for path in folder.glob("runs/*/*/population.json")}
    return sorted(notes)


@pytest.mark.slow
def test_the_table_is_that_of_separate_runs(tmp_path: Path, executor: Make) -> None:
    question, log = study(runs_per_cell=5, seeds=(1, 2)), Log()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("quick", population=3), log)
        assert_exactly_once(store, question)
        planned = store.planned()
        assert {one.number for one in store.attempts()} == {1}
    found = together(tmp_path)
    assert {len(one) for one in found} <= {2, 3}
    assert sum(map(len, found)) > len(planned) / 3
    for one in found:
        first = planned[one[0]].run
        assert all(alike(first, planned[other].run) for other in one)
    assert max(len(snapshot.running) for snapshot in log.snapshots) > 2
    assert log.notices == []
    assert not list(tmp_path.glob("runs/*/*/checkpoints"))


@pytest.mark.slow
def test_few_runs_are_shared_out_before_they_are_packed(tmp_path: Path, executor: Make) -> None:
    question, log = small(), Log()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("quick", population=64), log)
        assert_exactly_once(store, question)
    assert max(len({one.optimizer for one in shot.running}) for shot in log.snapshots) == 2


@pytest.mark.slow
@pytest.mark.parametrize(
    ("trainer", "told"), [("deadly", "lost together"), ("refusing", "failed together")]
)
def test_a_run_that_spoils_its_population_fails_alone(
    tmp_path: Path, executor: Make, trainer: str, told: str
) -> None:
    question, log = small(), Log()
    expected, _ = answer(question)
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor(trainer, population=4), log)
        results, planned = store.results(), store.planned()
    failed = [one.run_id for one in results.values() if one.state == "failed"]
    assert failed
    for identity in failed:
        run = planned[identity].run
        rate = run.optimizer.settings["learning_rate"]
        assert (run.optimizer.name, rate, run.seed) == ("muon", 0.016, 0)
    assert [line for line in log.notices if told in line]
    assert any(identity in one for one in together(tmp_path) for identity in failed)
    for identity in expected.keys() & results.keys() - set(failed):
        assert results[identity].loss == expected[identity].loss
    assert len(results) > len(expected) / 2


@pytest.mark.slow
def test_a_population_that_was_stopped_goes_on_with_the_same_runs(
    tmp_path: Path, executor: Make
) -> None:
    question = small()

    class Asking(Log):
        def update(self, snapshot: Snapshot) -> None:
            super().update(snapshot)
            if any(one.step for one in snapshot.running):
                request_stop(tmp_path)

    with StudyStore.create(tmp_path, question) as store:
        with pytest.raises(StopRequested):
            drive(store, executor("endless", population=4), Asking())
        stopped = together(tmp_path)
        assert stopped
        drive(store, executor("quick", population=4))
        assert_exactly_once(store, question)
    for runs in stopped:
        first = tmp_path / "runs" / runs[0][:12]
        assert (first / "attempt-1" / "checkpoint").exists()
        assert members(first / "attempt-2") == runs


@pytest.mark.slow
def test_a_population_leaves_room_under_a_cap(tmp_path: Path, executor: Make) -> None:
    question, log = small(), Log()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("quick", population=4), log, caps=Caps(runs=5))
        assert len(store.results()) == 5
    assert [line for line in log.notices if "the study ends at 5 runs" in line]


def test_what_is_known_is_not_packed(executor: Make) -> None:
    known = {run_id(RUN): answer(small())[0][run_id(RUN)]}
    reusing = ReusingExecutor(executor("quick", population=4), known)
    other = msgspec.structs.replace(RUN, seed=9)
    assert (reusing.members(RUN), reusing.members(other)) == (1, 4)


def test_on_a_cpu_a_run_has_a_process_of_its_own(executor: Make) -> None:
    assert executor("quick").members(RUN) == 1


def changed(**fields: object) -> RunSpec:
    return msgspec.structs.replace(RUN, **fields)


def with_settings(**settings: object) -> RunSpec:
    optimizer = msgspec.structs.replace(
        RUN.optimizer, settings={**RUN.optimizer.settings, **settings}
    )
    return changed(optimizer=optimizer)


@pytest.mark.parametrize(
    ("other", "expected"),
    [
        (changed(seed=7), True),
        (with_settings(learning_rate=0.5), True),
        (changed(schedule=ScheduleSpec(kind=RUN.schedule.kind, warmup_steps=2.5)), True),
        (changed(schedule=ScheduleSpec(kind="wsd")), False),
        (changed(steps=RUN.steps + 1), False),
        (changed(batch_size=2 * RUN.batch_size), False),
        (changed(evaluate_every=RUN.evaluate_every + 1), False),
        (with_settings(nesterov=True), False),
    ],
)
def test_which_runs_may_be_one_program(other: RunSpec, expected: bool) -> None:
    assert alike(RUN, other) is expected


def test_metrics_are_found_in_every_runs_own_folder(tmp_path: Path) -> None:
    folders = [tmp_path / name / "attempt-1" for name in ("a", "b")]
    identities = ["a" * 64, "b" * 64]
    lay(folders, identities)
    assert members(folders[1]) == tuple(identities)
    written = metrics_file(folders[0], identities[1])
    written.write_text("while it trains")
    found = metrics_file(folders[1], identities[1])
    assert found.read_text() == "while it trains"
    settle(folders[0], folders[1], identities[1])
    assert found.read_text() == "while it trains"
    assert not found.is_symlink()
    assert not written.exists()
    assert members(tmp_path) == ()
