"""The driver: every run exactly one result, whatever dies, and the same table in the end."""

import contextlib
import errno
import gc
import itertools
import os
import random
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.launch.conftest import ROOT
from tests.tune.study import answer, outcome, study

from bestiary.errors import BestiaryError, DiskError, StopRequested, UserError
from bestiary.launch import AbstractExecutor, Finished, Job, LocalExecutor, Snapshot, _local, drive
from bestiary.specs import PHASE, RunResult, RunSpec, Study, run_id
from bestiary.store import StudyStore, _study
from bestiary.tune import needed, winners

Make = Callable[..., LocalExecutor]


class Log:
    """An observer that keeps everything."""

    def __init__(self) -> None:
        self.snapshots: list[Snapshot] = []
        self.notices: list[str] = []

    def update(self, snapshot: Snapshot) -> None:
        self.snapshots.append(snapshot)

    def notice(self, line: str) -> None:
        self.notices.append(line)


class Presser(Log):
    """An observer that sends a signal, once, when two runs have begun to train."""

    def __init__(self, number: signal.Signals) -> None:
        super().__init__()
        self.number: signal.Signals | None = number

    def update(self, snapshot: Snapshot) -> None:
        super().update(snapshot)
        if self.number and sum(bool(one.step) for one in snapshot.running) == 2:
            number, self.number = self.number, None
            os.kill(os.getpid(), number)


def small() -> Study:
    return study(runs_per_cell=5, seeds=(1,))


def workers() -> list[int]:
    """The worker processes of this process."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            parent = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
            command = (folder / "cmdline").read_bytes()
        except (OSError, IndexError):
            continue
        if parent == os.getpid() and b"bestiary.launch._worker" in command:
            found.append(int(folder.name))
    return found


def assert_exactly_once(store: StudyStore, question: Study) -> None:
    """Every run has one result, which is the one an unbroken study has, and says what it is for."""
    expected, order = answer(question)
    for one in order:
        identity = run_id(one.run)
        stamped = msgspec.structs.replace(expected[identity], environment={PHASE: one.purpose})
        expected[identity] = stamped
    results = store.results()
    assert results == expected
    assert needed(question, results) == []
    won = [one.run_id for one in store.attempts() if one.outcome in ("done", "diverged")]
    assert sorted(won) == sorted(expected)
    assert not [one for one in store.attempts() if one.outcome == "running"]


def test_a_study_runs_to_its_end(tmp_path: Path, executor: Make) -> None:
    question, log = small(), Log()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("quick"), log)
        assert_exactly_once(store, question)
        attempts = len(store.attempts())
        drive(store, executor("broken"))  # nothing is needed, so nothing is started
        assert len(store.attempts()) == attempts
    assert {one.number for one in StudyStore.open(tmp_path).attempts()} == {1}
    first, last = log.snapshots[0], log.snapshots[-1]
    assert (first.done, first.seconds_left, first.best) == (0, None, {})
    assert len(first.running) == 2
    assert last.done == last.planned == attempts
    assert last.seconds_left == 0
    assert last.running == ()
    assert list(last.best) == ["adamw", "muon", "soap"]
    assert last.diverged == sum(r.state == "diverged" for r in store_results(tmp_path))
    done = [snapshot.done for snapshot in log.snapshots]
    assert done == sorted(done)
    assert all(snapshot.done <= snapshot.planned for snapshot in log.snapshots)
    assert log.notices == []
    assert not list(tmp_path.glob("runs/*/*/checkpoints"))


class Stalling(AbstractExecutor):
    """Two slots; whatever came first compiles on and on, and what came last is done at once."""

    def __init__(self) -> None:
        self.jobs: list[Job] = []
        self.together: list[tuple[str, str]] = []

    @property
    def slots(self) -> int:
        return 2

    def submit(self, job: Job) -> None:
        self.jobs.append(job)
        if len(self.jobs) == 2:
            self.together.append((_program(self.jobs[0]), _program(self.jobs[1])))

    def events(self, timeout: float) -> list[Any]:
        job = self.jobs.pop()
        return [Finished(job=job.number, results=tuple(outcome(run) for run in job.runs))]

    def stop(self) -> None:
        raise AssertionError("nobody asked")

    def close(self) -> None:
        self.jobs.clear()


def _program(job: Job) -> str:
    return f"{job.runs[0].optimizer.name} {job.runs[0].model.hidden}"


def test_no_worker_compiles_what_another_is_compiling_while_there_is_something_else(
    tmp_path: Path,
) -> None:
    executor = Stalling()
    with StudyStore.create(tmp_path, small()) as store:
        drive(store, executor)
        assert_exactly_once(store, small())
    compiling = executor.together[0][0]
    meanwhile = [other for first, other in executor.together if first == compiling]
    assert len(meanwhile) > 10
    assert compiling not in meanwhile[:10]


@pytest.mark.slow
def test_weights_of_reported_runs_stay_where_that_was_asked(tmp_path: Path, executor: Make) -> None:
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("quick"), keep_weights=True)
        drive(store, executor("broken"))  # it tidies, as every driver does when it starts
        assert_exactly_once(store, question)
        results, planned = store.results(), store.planned()
        reported = {one for one in planned if planned[one].purpose == "report"}
        kept = {one for one in results if (store.weights_folder(one) / "checkpoints").is_dir()}
        texts = {one: (store.weights_folder(one) / "run.json").read_bytes() for one in kept}
    assert all(run_id(msgspec.json.decode(texts[one], type=RunSpec)) == one for one in kept)
    assert kept == {one for one in reported if results[one].state == "done"}
    assert kept
    assert not list(tmp_path.glob("runs/*/*/checkpoints"))


@pytest.mark.slow
def test_a_clock_that_jumps_loses_no_run_and_doubles_none(
    tmp_path: Path, executor: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By an hour, by ten years, and back: what is decided by time is decided on a steady clock."""
    jumps = itertools.cycle([0, 3600, -3600, 315_360_000, -315_360_000])
    wall = time.time
    monkeypatch.setattr(time, "time", lambda: wall() + next(jumps))
    monkeypatch.setattr(
        _study,
        "now",
        lambda: (datetime.now(UTC) + timedelta(seconds=next(jumps))).isoformat(),
    )
    question, log = small(), Log()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("quick", stall_seconds=60.0), log)
        assert_exactly_once(store, question)
        started = [one.started for one in store.attempts()]
    assert started != sorted(started)
    assert log.notices == []


def store_results(folder: Path) -> list[RunResult]:
    with StudyStore.open(folder, read_only=True) as store:
        return list(store.results().values())


@pytest.mark.slow
def test_workers_killed_at_random_lose_no_run_and_double_none(
    tmp_path: Path, executor: Make
) -> None:
    question, source, killed = small(), random.Random(7), []

    class Killer(Log):
        def update(self, snapshot: Snapshot) -> None:
            super().update(snapshot)
            if len(killed) < snapshot.done // 5 and (found := workers()):
                killed.append(source.choice(found))
                os.kill(killed[-1], signal.SIGKILL)

    log = Killer()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("slow"), log)
        assert_exactly_once(store, question)
        lost = [one for one in store.attempts() if one.outcome == "lost"]
    assert len(killed) == 8
    assert lost
    assert all("SIGKILL" in one.reason for one in lost)
    assert len(log.notices) == len(lost)


@pytest.mark.slow
def test_a_driver_killed_at_random_leaves_no_orphan_and_is_gone_on_with(
    tmp_path: Path, executor: Make
) -> None:
    question = small()
    StudyStore.create(tmp_path, question).close()
    for seconds in (0.7, 1.3, 1.9):
        driver = driving(tmp_path, "slow")
        time.sleep(seconds)
        children = _children(driver.pid)
        driver.kill()
        driver.wait()
        assert _all_gone(children)
    with StudyStore.open(tmp_path) as store:
        drive(store, executor("quick"))
        assert_exactly_once(store, question)


def _children(parent: int) -> list[int]:
    """All children of a process; read again where one of its threads ended in the middle of it."""
    tasks = Path(f"/proc/{parent}/task")
    while tasks.exists():
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            return [
                int(child)
                for task in tasks.iterdir()
                for child in (task / "children").read_text().split()
            ]
    return []


def _all_gone(processes: list[int]) -> bool:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        if not any(_alive(process) for process in processes):
            return True
        time.sleep(0.05)
    return False


def _alive(process: int) -> bool:
    try:
        return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_two_drivers_are_one_too_many(tmp_path: Path, executor: Make) -> None:
    with StudyStore.create(tmp_path, small()) as store, store.driving():
        with StudyStore.open(tmp_path) as other, pytest.raises(UserError, match="another driver"):
            drive(other, executor("quick"))
        assert store.attempts() == []
    assert workers() == []


@pytest.mark.slow
def test_a_poisoned_run_is_given_up_and_the_others_go_on(tmp_path: Path, executor: Make) -> None:
    question, log = small(), Log()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("deadly"), log)
        failed = [one for one in store.results().values() if one.state == "failed"]
        assert len(failed) == 2  # one in each tuned cell
        assert needed(question, store.results()) == []
        assert len(winners(question, store.results())) == 3 * len(question.cells)
        for one in failed:
            tries = [attempt for attempt in store.attempts() if attempt.run_id == one.run_id]
            assert [attempt.outcome for attempt in tries] == ["lost", "lost", "failed"]
            assert "lost 3 times" in one.reason
            assert "SIGSEGV" in one.reason
            assert "about to die | said by native code" in one.reason
    assert log.snapshots[-1].failed == 2
    assert len(log.notices) == 6


@pytest.mark.slow
def test_the_users_mistake_is_not_retried(tmp_path: Path, executor: Make) -> None:
    with StudyStore.create(tmp_path, small()) as store:
        drive(store, executor("refusing"))
        failed = [one for one in store.results().values() if one.state == "failed"]
        assert [one.reason for one in failed] == ["block_size must divide hidden, got 7; use 8"] * 2
        assert {one.number for one in store.attempts()} == {1}


@pytest.mark.slow
def test_failed_runs_are_tried_again_when_that_is_asked_for(tmp_path: Path, executor: Make) -> None:
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("refusing"))
        drive(store, executor("quick"))
        assert {one.number for one in store.attempts()} == {1}, "only when asked"
        log = Log()
        drive(store, executor("quick"), log, retry_failed=True)
        assert log.notices == ["trying 2 failed runs again"]
        assert "failed" not in {one.state for one in store.results().values()}
        assert winners(question, store.results()) == winners(question, answer(question)[0])
        drive(store, executor("quick"), log, retry_failed=True)
        assert "no run has failed" in log.notices[-1]


@pytest.mark.slow
def test_checkpoints_go_once_the_result_is_there(tmp_path: Path, executor: Make) -> None:
    with StudyStore.create(tmp_path, small()) as store:
        drive(store, executor("refusing"))
        assert list(tmp_path.glob("runs/*/attempt-1")) != []
        assert list(tmp_path.glob("runs/*/*/checkpoints")) == []
        left = next(tmp_path.glob("runs/*/attempt-1")) / "checkpoints"
        left.mkdir()  # by a driver that was killed after it had committed
        drive(store, executor("quick"))
        assert not left.exists()


@pytest.mark.slow
def test_a_result_whose_attempt_was_lost_from_the_file_is_kept(
    tmp_path: Path, executor: Make
) -> None:
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("quick"))
        results = store.results()
        store._connection.execute("UPDATE attempts SET started = 'x' WHERE rowid = 1")
        drive(store, executor("broken"))  # nothing is needed, so nothing is started
        assert store.results() == results
        assert len(store.attempts()) == len(results) - 1


@pytest.mark.slow
@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir])
def test_a_log_that_cannot_be_written_is_named_and_blames_no_run(
    tmp_path: Path, executor: Make, put: Callable[[Path], None]
) -> None:
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        first = run_id(needed(question, {})[0].run)
        log = store.run_folder(first) / "attempt-1.log"
        log.parent.mkdir(parents=True)
        put(log)
        with pytest.raises(BestiaryError, match=r"attempt-1.log: .*; then the same"):
            drive(store, executor("quick"))
        assert not [one for one in store.results().values() if one.state == "failed"]
        drive(store, executor("quick"))
        assert_exactly_once(store, question)


def test_an_error_of_the_machine_is_retried(tmp_path: Path, executor: Make) -> None:
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("memoryless"))
        assert_exactly_once(store, question)
        lost = [one for one in store.attempts() if one.outcome == "lost"]
        assert [one.reason for one in lost] == [
            "RuntimeError: RESOURCE_EXHAUSTED: out of memory"
        ] * 2


@pytest.mark.slow
def test_a_full_disk_stops_the_study_and_blames_no_run(tmp_path: Path, executor: Make) -> None:
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        for _ in range(2):  # one run in each tuned cell finds it full, once
            with pytest.raises(BestiaryError, match="No space left on device; free some; then the"):
                drive(store, executor("full"))
        assert "failed" not in {one.state for one in store.results().values()}
        drive(store, executor("full"))
        assert_exactly_once(store, question)


@pytest.mark.slow
def test_a_worker_that_lives_but_stands_still_is_lost(tmp_path: Path, executor: Make) -> None:
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("standing", stall_seconds=3.0))
        assert_exactly_once(store, question)
        lost = [one.reason for one in store.attempts() if one.outcome == "lost"]
        assert lost == ["no progress for 3 s"] * 2


DRIVE = """
import sys
from bestiary.launch import LocalExecutor, _local, drive
from bestiary.store import StudyStore
_local.LISTENING_SECONDS = 1.0  # less than any limit here
name, stall = "tests.launch.trainers:" + sys.argv[2], float(sys.argv[3])
with LocalExecutor("c", workers=2, trainer=name, stall_seconds=stall) as executor:
    drive(StudyStore.open(sys.argv[1]), executor)
"""


def driving(folder: Path, trainer: str, *, stall: float = 3600.0) -> subprocess.Popen[bytes]:
    """A driver in a process of its own, which can be stopped and killed."""
    return subprocess.Popen(
        [sys.executable, "-c", DRIVE, str(folder), trainer, str(stall)],
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{os.environ['PYTHONPATH']}"},
    )


def until(condition: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.usefixtures("executor")
def test_a_driver_stopped_for_longer_than_the_stall_limit_blames_no_worker(tmp_path: Path) -> None:
    """Ctrl-Z over lunch."""
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        driver = driving(tmp_path, "steady", stall=3.0)
        until(lambda: len(store.results()) > 1)
        os.kill(driver.pid, signal.SIGSTOP)
        time.sleep(4.0)
        os.kill(driver.pid, signal.SIGCONT)
        assert driver.wait(60) == 0
        assert_exactly_once(store, question)
        assert {one.outcome for one in store.attempts()} <= {"done", "diverged"}


@pytest.mark.slow
def test_a_worker_stopped_and_continued_goes_on_as_if_nothing_had_been(
    tmp_path: Path, executor: Make
) -> None:
    question = small()

    class Stopper(Log):
        def __init__(self) -> None:
            super().__init__()
            self.stopped: set[int] = set()

        def update(self, snapshot: Snapshot) -> None:
            if len(self.stopped) < 4 and snapshot.done > len(self.stopped) * 3 and workers():
                process = workers()[len(self.stopped) % len(workers())]
                self.stopped.add(len(self.stopped))
                os.kill(process, signal.SIGSTOP)
                threading.Timer(0.5, os.kill, (process, signal.SIGCONT)).start()

    stopper = Stopper()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("slow"), stopper)
        assert_exactly_once(store, question)
        assert {one.number for one in store.attempts()} == {1}
    assert len(stopper.stopped) == 4


@pytest.mark.slow
def test_a_worker_stopped_for_good_is_lost_and_its_run_has_one_result(
    tmp_path: Path, executor: Make
) -> None:
    question = small()

    class Stopper(Log):
        stopped = False

        def update(self, snapshot: Snapshot) -> None:
            if not self.stopped and snapshot.done > 3:
                self.stopped = True
                os.kill(workers()[0], signal.SIGSTOP)

    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("slow", stall_seconds=3.0), Stopper())
        assert_exactly_once(store, question)
        assert len([one for one in store.attempts() if one.outcome == "lost"]) <= 1
    assert not any(_stopped(process) for process in workers())


def _stopped(process: int) -> bool:
    return Path(f"/proc/{process}/stat").read_text().rsplit(")", 1)[1].split()[0] == "T"


CHATTY = """
import os, sys
if "bestiary.launch._worker" in sys.orig_argv:
    print("welcome to this cluster", flush=True)
    os.write(1, b'half a line without an end {"type": "Stopped"')
"""


@pytest.mark.slow
def test_what_a_site_prints_at_start_up_is_no_event(
    tmp_path: Path, executor: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = tmp_path / "site"
    site.mkdir()
    (site / "sitecustomize.py").write_text(CHATTY)
    make = executor("quick")
    monkeypatch.setenv("PYTHONPATH", f"{site}{os.pathsep}{os.environ['PYTHONPATH']}")
    question, log = small(), Log()
    with StudyStore.create(tmp_path / "study", question) as store:
        drive(store, make, log)
        assert_exactly_once(store, question)
    assert log.notices == []


@pytest.mark.slow
def test_a_worker_that_closes_its_pipe_and_lives_on_is_killed(
    tmp_path: Path, executor: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_local, "END_SECONDS", 0.5)
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("silent"))
        assert_exactly_once(store, question)
        lost = [one.reason for one in store.attempts() if one.outcome == "lost"]
        assert lost
        assert all("went silent" in reason for reason in lost)


@pytest.mark.slow(5)
def test_a_dead_workers_child_is_not_waited_for_and_what_it_held_is_freed(
    tmp_path: Path, executor: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_local, "END_SECONDS", 0.5)
    readers = set(threading.enumerate())
    question = small()
    with StudyStore.create(tmp_path, question) as store, executor("parental") as local:
        drive(store, local)
        assert_exactly_once(store, question)
        lost = [one.reason for one in store.attempts() if one.outcome == "lost"]
    assert lost
    assert all("killed by SIGKILL" in reason for reason in lost)
    left = set(threading.enumerate()) - readers
    assert left, "the child lives"
    for reader in left:
        reader.join()
    del local, left, reader
    gc.collect()  # files that nobody closed are complained of here


@pytest.mark.slow
def test_of_a_dead_workers_log_only_the_end_is_read(tmp_path: Path, executor: Make) -> None:
    """A log may be larger than the memory."""
    import tracemalloc

    question = small()
    with StudyStore.create(tmp_path, question) as store:
        tracemalloc.start()
        try:
            drive(store, executor("talkative"))
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert_exactly_once(store, question)
        lost = [one.reason for one in store.attempts() if one.outcome == "lost"]
    assert all(reason.endswith("the last line") for reason in lost)
    assert len(lost) == 2
    assert most < 100e6


@pytest.mark.slow
def test_results_of_different_kinds_of_machines_are_told_apart_once(
    tmp_path: Path, executor: Make
) -> None:
    log = Log()
    with StudyStore.create(tmp_path, small()) as store:
        drive(store, executor("moving"), log)
        drive(store, executor("quick"), log)
    assert log.notices == ["the last bits of these results may not compare: processor A, then B"]


@pytest.mark.slow
def test_what_a_worker_warns_of_is_said_by_the_driver(tmp_path: Path, executor: Make) -> None:
    question, log = small(), Log()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("warning"), log)
        assert_exactly_once(store, question)
        texts = [path.read_text() for path in tmp_path.glob("runs/*/*.log")]
    assert [line.rpartition(": ")[2] for line in log.notices] == [
        "step 8 is damaged; starting over"
    ] * 2
    assert log.notices[0].startswith("muon ")
    assert sum("step 8 is damaged" in text for text in texts) == 2


def test_a_temporary_folder_that_takes_no_files_is_named_at_once(
    tmp_path: Path, executor: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    monkeypatch.setattr(tempfile, "tempdir", "/full")
    with StudyStore.create(tmp_path, small()) as store:
        with pytest.raises(DiskError, match=r"in /full: No space left on device; .* TMPDIR"):
            drive(store, executor("quick"))
        assert store.results() == {}
        assert {one.outcome for one in store.attempts()} == {"interrupted"}
    assert workers() == []


@pytest.mark.slow
def test_an_answer_for_another_run_is_no_result(tmp_path: Path, executor: Make) -> None:
    with StudyStore.create(tmp_path, small()) as store:
        drive(store, executor("swapped"))
        assert "f" * 64 not in store.results()
        reasons = {one.reason for one in store.results().values() if one.state == "failed"}
        assert any("another run" in reason for reason in reasons)
        assert any("finite" in reason for reason in reasons)


@pytest.mark.slow
def test_when_all_fails_the_study_stops_and_blames_no_run(tmp_path: Path, executor: Make) -> None:
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        with pytest.raises(BestiaryError, match="corpora holds no corpus"):
            drive(store, executor("broken"))
        assert store.results() == {}
        drive(store, executor("quick"))
        assert_exactly_once(store, question)


@pytest.mark.slow
def test_when_the_first_runs_of_one_optimizer_fail_alike_the_study_stops(
    tmp_path: Path, executor: Make
) -> None:
    """Such as a model too large for this machine, whose every run dies of memory."""
    question = small()
    with StudyStore.create(tmp_path, question) as store:
        store.study = msgspec.structs.replace(question, candidates=question.candidates[:1])
        with pytest.raises(BestiaryError, match="3 runs in a row failed, the last: lost 3 times"):
            drive(store, executor("dying"))
        assert store.results() == {}


@pytest.mark.slow
def test_a_worker_that_cannot_start_says_why(tmp_path: Path, executor: Make) -> None:
    with (
        StudyStore.create(tmp_path, small()) as store,
        pytest.raises(BestiaryError, match="has no attribute 'absent'") as raised,
    ):
        drive(store, executor("absent"))
    assert "\n" not in str(raised.value)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_study_writes_checkpoints_and_goes_on(
    tmp_path: Path, executor: Make, number: signal.Signals
) -> None:
    question, log, before = small(), Presser(number), signal.getsignal(number)
    with StudyStore.create(tmp_path, question) as store:
        with pytest.raises(StopRequested, match="same command goes on") as raised:
            drive(store, executor("endless"), log)
        assert raised.value.signal == number
        assert signal.getsignal(number) == before
        assert [one.outcome for one in store.attempts()] == ["interrupted"] * 2
        assert len(list(tmp_path.glob("runs/*/attempt-1/checkpoint"))) == 2
        resumed = {one.run_id for one in store.attempts()}
        drive(store, executor("quick"))
        assert_exactly_once(store, question)
        second = {one.run_id for one in store.attempts() if one.number == 2}
        assert second == resumed
    assert log.notices[0].startswith("stopping")


@pytest.mark.slow
def test_a_study_outlives_whoever_watches_it(tmp_path: Path, executor: Make) -> None:
    class Gone:
        def update(self, snapshot: Snapshot) -> None:
            raise BrokenPipeError

        def notice(self, line: str) -> None:
            raise OSError(errno.EIO, "the terminal is gone")

    question = small()
    with StudyStore.create(tmp_path, question) as store:
        drive(store, executor("memoryless"), Gone())
        assert_exactly_once(store, question)


@pytest.mark.slow
def test_workers_that_do_not_stop_are_killed_after_the_grace_period(
    tmp_path: Path, executor: Make
) -> None:
    with StudyStore.create(tmp_path, small()) as store:
        with executor("deaf") as workforce, pytest.raises(StopRequested):
            drive(store, workforce, Presser(signal.SIGINT), grace_seconds=0.5)
        assert workers() == []
        assert [one.outcome for one in store.attempts()] == ["interrupted"] * 2


def test_a_study_that_cannot_run_is_refused_before_anything(tmp_path: Path, executor: Make) -> None:
    question = msgspec.structs.replace(small(), batch_size=10**9)
    with StudyStore.create(tmp_path, question) as store:
        with pytest.raises(UserError, match="at least one step"):
            drive(store, executor("quick"))
        assert store.planned() == {}
        assert workers() == []


@pytest.mark.slow
def test_attempts_keep_their_files_apart_and_logs_beside_them(
    tmp_path: Path, executor: Make
) -> None:
    with StudyStore.create(tmp_path, small()) as store:
        drive(store, executor("memoryless"))
        lost = next(one for one in store.attempts() if one.outcome == "lost")
        folder = store.run_folder(lost.run_id)
        assert sorted(path.name for path in folder.iterdir()) == [
            "attempt-1.log",
            "attempt-2",
            "attempt-2.log",
        ]
        assert "RESOURCE_EXHAUSTED" in (folder / "attempt-1.log").read_text()
        assert folder.name == run_id(store.planned()[lost.run_id].run)[:12]
