"""Pilots as an array of jobs: submitit's local mode, and a real Slurm where there is one."""

import contextlib
import os
import shutil
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.launch.pilots import executor_of, left_over
from tests.launch.test_drive import Log, _children, assert_exactly_once, small

from bestiary.cli import main
from bestiary.errors import UserError
from bestiary.launch import SlurmLauncher, Snapshot, drive
from bestiary.launch._exchange import Exchange, PilotCard, names, read
from bestiary.specs import SlurmOptions
from bestiary.store import StudyStore

pytest.importorskip("submitit")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.usefixtures("found_by_workers"),
    # submitit leaves its log files to the garbage collector.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def has_slurm() -> str:
    """Why there is no Slurm to test with; empty where there is one."""
    if not shutil.which("sbatch"):
        return "no sbatch: apt-get install slurm-wlm"
    asked = subprocess.run(["sinfo", "-h", "-o", "%a"], capture_output=True, text=True)
    up = asked.returncode == 0 and "up" in asked.stdout
    return "" if up else f"slurmctld does not answer: {asked.stderr.strip()[:80]}"


MODES = [
    "local",
    pytest.param("slurm", marks=pytest.mark.skipif(bool(has_slurm()), reason=has_slurm())),
]


def endless_at(folder: Path) -> Iterator[str]:
    """The pilot that has the run which ends only when it is asked to stop."""
    exchange = Exchange(folder)
    for name in names(exchange.crew):
        with contextlib.suppress(FileNotFoundError):
            card = read(exchange.card_file(name), PilotCard)
            if any(one.step > 5 for one in card.underway):
                yield name


def at_its_time_limit(job: Any) -> None:
    """What a job hears some time before it: of Slurm, or of submitit in its place."""
    if not hasattr(job, "_process"):
        job._interrupt(timeout=True)
        return
    for task in _children(job._process.pid):  # submitit's own would end its controller
        os.kill(task, signal.SIGUSR2)


@pytest.mark.parametrize("mode", MODES)
def test_an_array_of_pilots_answers_a_study_and_one_that_must_go_comes_back(
    tmp_path: Path, mode: str
) -> None:
    question, folder = small(), tmp_path / "study"
    launcher = SlurmLauncher(2, SlurmOptions(cluster=mode))

    class Preempting(Log):
        preempted = False

        def update(self, snapshot: Snapshot) -> None:
            super().update(snapshot)
            if not self.preempted and list(endless_at(folder)):
                self.preempted = True
                busy = next(endless_at(folder))
                at_its_time_limit(
                    next(job for name, job in launcher._jobs.items() if busy.startswith(name))
                )

    with StudyStore.create(folder, question) as store:
        with executor_of(folder, question, "preempted", launcher=launcher) as executor:
            drive(store, executor, log := Preempting())
        assert log.preempted
        assert_exactly_once(store, question)
        assert "lost" not in {one.outcome for one in store.attempts()}
    assert left_over(folder) == []
    logs = [path.read_text() for path in (folder / "pilots" / "slurm").glob("*.out")]
    assert sum("Requeued job" in text for text in logs) == 1
    assert launcher.living == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_pilot_that_is_killed_has_another_in_its_place(tmp_path: Path, mode: str) -> None:
    question, folder = small(), tmp_path / "study"
    launcher = SlurmLauncher(1, SlurmOptions(cluster=mode))

    class Killing(Log):
        killed = 0

        def update(self, snapshot: Snapshot) -> None:
            super().update(snapshot)
            exchange = Exchange(folder)
            for name in names(exchange.crew) if self.killed < 2 and snapshot.done >= 3 else ():
                with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                    os.kill(read(exchange.card_file(name), PilotCard).pid, signal.SIGKILL)
                    self.killed += 1

    with StudyStore.create(folder, question) as store:
        with executor_of(folder, question, "slow", launcher=launcher) as executor:
            drive(store, executor, log := Killing())
        assert_exactly_once(store, question)
    assert log.killed == 2
    assert len([line for line in log.notices if "joined, 1 worker" in line]) >= 2
    assert left_over(folder) == []


@pytest.mark.skipif(bool(has_slurm()), reason=has_slurm())
@pytest.mark.parametrize(
    ("asked", "named"),
    [
        (SlurmOptions(partition="nowhere"), "invalid partition specified: nowhere"),
        (SlurmOptions(gres="gpu:9"), "generic resource"),
        (SlurmOptions(flags="constraint=none-such"), "feature"),
    ],
)
def test_what_slurm_does_not_have_is_named(asked: SlurmOptions, named: str) -> None:
    launcher = SlurmLauncher(1, asked)
    with pytest.raises(UserError, match=f"Slurm takes no pilots: .*(?i:{named})"):
        launcher.check()


@pytest.mark.skipif(bool(has_slurm()), reason=has_slurm())
def test_what_slurm_has_is_taken_and_no_job_is_submitted() -> None:
    def queued() -> set[str]:
        command = ["squeue", "-h", "-o", "%i"]
        asked = subprocess.run(command, capture_output=True, text=True, check=True)
        return set(asked.stdout.split())

    before = queued()  # those of another test may still be leaving
    SlurmLauncher(3, SlurmOptions(flags="exclusive", memory="100M")).check()
    assert queued() <= before


def test_a_wrong_partition_is_refused_before_the_folder_of_the_study_exists(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    stub = tmp_path / "bin" / "sbatch"
    stub.parent.mkdir()
    stub.write_text(
        '#!/bin/sh\necho "$@" > "$0.asked"\n'
        "echo 'sbatch: error: invalid partition specified: nowhere' >&2\nexit 1\n"
    )
    stub.chmod(0o755)
    monkeypatch.setenv("PATH", str(stub.parent), prepend=os.pathsep)
    folder = tmp_path / "study"
    words = ["--workers", "2", "--slurm.partition", "nowhere", "--out", str(folder)]
    assert main(["run", "smoke", "--on", "slurm", *words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "invalid partition specified: nowhere" in line
    assert not folder.exists()
    assert "--test-only --partition=nowhere" in (tmp_path / "bin" / "sbatch.asked").read_text()


def test_without_slurm_the_cure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    launcher = SlurmLauncher(1, SlurmOptions())
    with pytest.raises(UserError, match=r"Slurm takes no pilots: there is no sbatch .*sinfo"):
        launcher.check()


def test_a_folder_that_the_pilots_cannot_see_is_named(tmp_path: Path) -> None:
    question, folder = small(), tmp_path / "study"

    launcher = SlurmLauncher(1, SlurmOptions(cluster="local"))
    start = launcher.start
    launcher.start = lambda folder: start(f"{folder}-elsewhere")  # type: ignore[method-assign]
    with (
        StudyStore.create(folder, question) as store,
        executor_of(folder, question, "quick", launcher=launcher) as executor,
        pytest.raises(UserError, match=r"no pilot is left: this machine .* sees no study in"),
    ):
        drive(store, executor)


@pytest.mark.parametrize("flags", ["a b=1", "=3", "constraint=a,;rm=2"])
def test_flags_that_are_none_are_refused(flags: str) -> None:
    with pytest.raises(UserError, match="names of sbatch's options"):
        SlurmLauncher(1, SlurmOptions(flags=flags))
