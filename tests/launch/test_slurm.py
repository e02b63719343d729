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


@pytest.mark.skipif(bool(has_slurm()), reason=has_slurm())
def test_a_partition_that_does_not_exist_is_named(tmp_path: Path) -> None:
    launcher = SlurmLauncher(1, SlurmOptions(partition="nowhere"))
    with pytest.raises(UserError, match="invalid partition specified: nowhere"):
        launcher.start(str(tmp_path))


def test_without_slurm_the_cure_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    launcher = SlurmLauncher(1, SlurmOptions())
    with pytest.raises(UserError, match=r"Slurm takes no pilots: .*srun.*sinfo"):
        launcher.start(str(tmp_path))


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
