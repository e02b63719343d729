"""Pilots: the same table as here, whoever dies, and nothing left behind."""

import random
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.launch.pilots import ended, executor_of, left_over, pilot
from tests.launch.test_drive import Log, assert_exactly_once, small

from bestiary.errors import StopRequested
from bestiary.launch import Snapshot, drive
from bestiary.store import StudyStore, request_stop

pytestmark = pytest.mark.slow(8)


@pytest.fixture
def started() -> Iterator[list[subprocess.Popen[str]]]:
    """Pilots that are gone after the test, however it ends."""
    processes: list[subprocess.Popen[str]] = []
    yield processes
    for one in processes:
        with one:  # closes its pipe
            one.kill()


def test_two_pilots_from_another_terminal_answer_a_study(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    question, log, folder = small(), Log(), tmp_path / "study"
    with StudyStore.create(folder, question) as store:
        started += [pilot(folder), pilot(folder)]
        with executor_of(folder, question, "quick") as executor:
            drive(store, executor, log)
        assert_exactly_once(store, question)
        assert {one.number for one in store.attempts()} == {1}
    for one in started:
        code, said = ended(one)
        assert code == 0
        assert "order" in said, "each had some"
        assert "the driver has ended; leaving" in said
    assert len([line for line in log.notices if "joined, 1 worker" in line]) == 2
    assert left_over(folder) == []
    assert not list((folder / "pilots" / "crew").iterdir())


def test_pilots_killed_at_random_lose_no_run_and_double_none(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    question, source, folder = small(), random.Random(7), tmp_path / "study"

    class Killer(Log):
        def update(self, snapshot: Snapshot) -> None:
            super().update(snapshot)
            if len(started) < 2 + snapshot.done // 8:
                victim = source.choice([one for one in started if one.poll() is None])
                victim.kill()
                victim.communicate()
                started.append(pilot(folder))

    with StudyStore.create(folder, question) as store:
        started += [pilot(folder), pilot(folder)]
        with executor_of(folder, question, "slow") as executor:
            drive(store, executor, log := Killer())
        assert_exactly_once(store, question)
        assert "lost" not in {one.outcome for one in store.attempts()}, "no run is to blame"
    assert len(started) > 4
    assert [line for line in log.notices if "died" in line]
    assert left_over(folder) == []


def test_a_pilot_that_must_go_checkpoints_and_gives_its_order_back(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    question, folder = small(), tmp_path / "study"

    class Preempting(Log):
        def update(self, snapshot: Snapshot) -> None:
            super().update(snapshot)
            if len(started) == 1 and any(one.step for one in snapshot.running):
                started[0].send_signal(signal.SIGUSR2)
                started.append(pilot(folder))

    with StudyStore.create(folder, question) as store:
        started.append(pilot(folder))
        with executor_of(folder, question, "preempted") as executor:
            drive(store, executor, Preempting())
        assert_exactly_once(store, question)
        attempts = store.attempts()
        assert [one.outcome for one in attempts].count("interrupted") == 1
        assert "lost" not in {one.outcome for one in attempts}
        first = next(one for one in attempts if one.outcome == "interrupted")
        assert (store.attempt_folder(first) / "checkpoint").exists()
    code, said = ended(started[0])
    assert code == 128 + signal.SIGUSR2
    assert "given back" in said


def test_bestiary_stop_ends_driver_and_pilots_and_the_study_goes_on(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    question, folder = small(), tmp_path / "study"

    class Asking(Log):
        def update(self, snapshot: Snapshot) -> None:
            super().update(snapshot)
            if any(one.step for one in snapshot.running):
                request_stop(folder)

    with StudyStore.create(folder, question) as store:
        started.append(pilot(folder))
        with (
            executor_of(folder, question, "endless") as executor,
            pytest.raises(StopRequested, match="goes on from here"),
        ):
            drive(store, executor, Asking())
        assert ended(started[0])[0] == 0
        assert left_over(folder) == []
        assert not (folder / "stop-request").exists()
        started.append(pilot(folder))
        with executor_of(folder, question, "quick") as executor:
            drive(store, executor)
        assert_exactly_once(store, question)


def test_a_driver_that_dies_and_comes_back_has_its_pilots_again(
    tmp_path: Path, started: list[subprocess.Popen[str]]
) -> None:
    question, folder = small(), tmp_path / "study"

    class Dying(Log):
        def update(self, snapshot: Snapshot) -> None:
            super().update(snapshot)
            if snapshot.done >= 5:
                raise KeyboardInterrupt

    with StudyStore.create(folder, question) as store:
        started.append(pilot(folder))
        broken = executor_of(folder, question, "slow")
        with pytest.raises(KeyboardInterrupt):
            drive(store, broken, Dying())
        broken._closed.set()  # its heart stops as it would if the process had died
        with executor_of(folder, question, "slow") as executor:
            drive(store, executor)
        assert_exactly_once(store, question)
    assert left_over(folder) == []
    assert ended(started[0])[0] == 0
