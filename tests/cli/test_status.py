"""`bestiary status` on studies in every state, made without training."""

import json
import re
from pathlib import Path

import msgspec
import pytest
from tests.tune.study import outcome, study

from bestiary.cli import main
from bestiary.specs import RunResult, run_id
from bestiary.store import StudyStore
from bestiary.train import Metric, metrics_file
from bestiary.train._metrics import MetricWriter
from bestiary.tune import needed


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> StudyStore:
    """A study of which one run is done, one failed, one was lost and is in training again."""
    monkeypatch.chdir(tmp_path)
    store = StudyStore.create("bestiary-test", study())
    done, failed, lost, *_ = needed(store.study, {})
    store.plan([done, failed, lost])
    store.commit(outcome(done.run), store.begin_attempt(run_id(done.run)))
    result = RunResult(run_id=run_id(failed.run), state="failed", reason="no such block size")
    store.commit(result, store.begin_attempt(result.run_id))
    store.end_attempt(store.begin_attempt(run_id(lost.run)), "lost", "killed by SIGKILL")
    again = store.attempt_folder(store.begin_attempt(run_id(lost.run)))
    again.mkdir(parents=True)
    row = Metric(step=0, loss=2.0, grad_norm=1.0, learning_rate=0.1, tokens=1, seconds=0.1)
    writer = MetricWriter(metrics_file(again, run_id(lost.run)))  # as the trainer names it
    writer.write([row, msgspec.structs.replace(row, step=1)])
    writer.close()
    with metrics_file(again, run_id(lost.run)).open("a") as file:
        file.write('{"step":2,"lo')
    return store


def told(capsys: pytest.CaptureFixture[str]) -> dict:
    assert main(["status", "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def test_what_is_in_training_is_shown_while_a_driver_is_alive(
    store: StudyStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bestiary.store.StudyStore.driver", lambda _: "process 7 on laptop")
    (running,) = told(capsys)["running"]
    assert (running["attempt"], running["step"]) == (2, 2)
    assert running["steps"] > 2
    assert main(["status"]) == 0
    text = capsys.readouterr().out
    assert "process 7 on laptop" in text
    assert re.search(r" tune +2 +2 +[\d,]+ +\d+ s", text)


def test_what_a_killed_driver_left_is_not_in_training(
    store: StudyStore, capsys: pytest.CaptureFixture[str]
) -> None:
    status = told(capsys)
    assert (status["running"], status["driver"]) == ([], None)
    assert main(["status"]) == 0
    assert "nobody drives it, the same `bestiary run` goes on" in capsys.readouterr().out


def test_what_went_wrong_is_named_with_its_reason_and_its_log(
    store: StudyStore, capsys: pytest.CaptureFixture[str]
) -> None:
    failed, lost = told(capsys)["troubles"]
    assert (failed["outcome"], failed["reason"]) == ("failed", "no such block size")
    assert (lost["outcome"], lost["reason"]) == ("lost", "killed by SIGKILL")
    assert lost["log"] == str(store.run_folder(lost["run_id"]) / "attempt-1.log")
    assert main(["status"]) == 0
    text = capsys.readouterr().out
    assert "no such block size" in text
    assert "--retry-failed" in text


def test_every_phase_has_its_sums_and_every_cell_its_leader(
    store: StudyStore, capsys: pytest.CaptureFixture[str]
) -> None:
    status = told(capsys)
    assert sum(one["failed"] for one in status["cells"]) == status["failed"] == 1
    (leader,) = status["leaders"]
    assert (leader["optimizer"], leader["behind"], leader["purpose"]) == ("adamw", "", "tune")
    assert (status["last_hour"], status["decided_on"]) == (1, 2)
    assert status["seconds_left"] > 0
    assert main(["status"]) == 0
    text = capsys.readouterr().out
    assert "1 in the last hour; about" in text
    assert re.search(r"tokens/s", text)
    assert "nobody else has a loss there" in text


def test_a_table_that_no_terminal_could_show_is_cut(
    store: StudyStore, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bestiary.cli._status.MOST", 3)
    assert main(["status"]) == 0
    assert "cells (the last 3 of 18; --json has all)" in capsys.readouterr().out
