"""Signals: what asks a study to stop, and what a shell has told its processes to ignore."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from tests.launch.conftest import ROOT
from tests.tune.study import study

from bestiary.launch._stopping import StopSignals
from bestiary.store import StudyStore


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_what_is_ignored_stays_ignored(number: signal.Signals) -> None:
    """As `nohup` and a script's `&` have it."""
    before = signal.signal(number, signal.SIG_IGN)
    try:
        with StopSignals() as interruption:
            os.kill(os.getpid(), number)
            assert interruption.count == 0
            os.kill(os.getpid(), signal.SIGTERM)
            assert (interruption.count, interruption.signal) == (1, signal.SIGTERM)
        assert signal.getsignal(number) is signal.SIG_IGN
    finally:
        signal.signal(number, before)


DRIVER = """
import os, sys
from bestiary.errors import StopRequested
from bestiary.launch import LocalExecutor, drive
from bestiary.store import StudyStore

class Told:
    def update(self, snapshot):
        if any(one.step for one in snapshot.running):
            print(os.getpid(), flush=True)
    def notice(self, line):
        pass

try:
    with LocalExecutor("c", workers=1, trainer="tests.launch.trainers:endless") as executor:
        drive(StudyStore.open(sys.argv[1]), executor, Told())
except StopRequested as stop:
    sys.exit(128 + stop.signal)
"""


@pytest.mark.slow
def test_a_study_that_a_script_starts_in_the_background_is_stopped_by_sigterm_alone(
    tmp_path: Path,
) -> None:
    """A shell without job control ignores SIGINT in what it starts with `&`."""
    StudyStore.create(tmp_path, study(runs_per_cell=5, seeds=(1,))).close()
    command = ["sh", "-c", '"$@" & wait $!', "sh", sys.executable, "-c", DRIVER, str(tmp_path)]
    paths = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
    environment = os.environ | {"PYTHONPATH": paths}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as shell:
        driver = int(shell.stdout.readline())
        os.kill(driver, signal.SIGINT)
        for _ in range(20):  # it goes on to tell
            assert int(shell.stdout.readline()) == driver
        os.kill(driver, signal.SIGTERM)
        shell.communicate()
    assert shell.returncode == 128 + signal.SIGTERM
    with StudyStore.open(tmp_path, read_only=True) as store:
        assert [one.outcome for one in store.attempts()] == ["interrupted"]
    assert len(list(tmp_path.glob("runs/*/attempt-1/checkpoint"))) == 1
