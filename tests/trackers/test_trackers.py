"""Trackers follow the files of runs: every step once, whatever happens to tracker or run."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from tests.tune.study import outcome, study

from bestiary.cli import main
from bestiary.errors import BestiaryError, UserError
from bestiary.specs import run_id
from bestiary.store import StudyStore, metrics_file
from bestiary.trackers import Followed, Follower, followed, sink
from bestiary.tune import needed


class MemorySink:
    """Keeps what it is told."""

    def __init__(self, fails_at: int = -1) -> None:
        self.rows: list[tuple[str, int, dict[str, float]]] = []
        self.fails_at = fails_at
        self._name = ""

    def begin(self, run: Followed) -> None:
        self._name = run.name

    def log(self, step: int, values: Mapping[str, float]) -> None:
        if step == self.fails_at:
            raise RuntimeError("the service is down\nand more")
        self.rows.append((self._name, step, dict(values)))

    def end(self) -> None:
        pass


def line(step: int, loss: float | None = 2.0) -> str:
    row = {"step": step, "loss": loss, "grad_norm": 1.0, "learning_rate": 0.1, "tokens": 8}
    return json.dumps({**row, "seconds": 0.1}) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Of one run in training."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "metrics-0123456789ab.jsonl").write_text(line(0) + line(1) + '{"step":2')
    return tmp_path / "run"


def append(folder: Path, text: str) -> None:
    with (folder / "metrics-0123456789ab.jsonl").open("a") as file:
        file.write(text)


def test_every_step_is_handed_on_once(folder: Path, tmp_path: Path) -> None:
    kept = MemorySink()
    follower = Follower(folder, kept, tmp_path / "out")
    assert follower.look() == 2
    assert kept.rows[0][2] == {
        "train/loss": 2.0,
        "train/gradient_norm": 1.0,
        "train/learning_rate": 0.1,
        "train/tokens": 8,
    }
    assert follower.look() == 0
    append(folder, ',"loss":1.5}\n')
    assert follower.look() == 1
    assert Follower(folder, kept, tmp_path / "out").look() == 0, "a new process goes on"
    assert [step for _, step, _ in kept.rows] == [0, 1, 2]


def test_a_loss_that_is_not_finite_is_left_out(folder: Path, tmp_path: Path) -> None:
    (folder / "metrics-0123456789ab.jsonl").write_text(line(0, None))
    kept = MemorySink()
    Follower(folder, kept, tmp_path / "out").look()
    assert "train/loss" not in kept.rows[0][2]


def test_a_tracker_that_fails_loses_nothing(folder: Path, tmp_path: Path) -> None:
    failing = Follower(folder, MemorySink(fails_at=1), tmp_path / "out")
    with pytest.raises(BestiaryError, match=r"tracker failed \(the service is down\); no run is"):
        failing.look()
    kept = MemorySink()
    assert Follower(folder, kept, tmp_path / "out").look() == 2


def test_runs_of_a_study_have_names_settings_and_evaluations(tmp_path: Path) -> None:
    question = study()
    first, second, *_ = needed(question, {})
    with StudyStore.create(tmp_path / "study", question) as store:
        store.plan([first, second])
        for one in (first, second):
            attempt = store.begin_attempt(run_id(one.run))
            store.attempt_folder(attempt).mkdir(parents=True)
            metrics_file(store.attempt_folder(attempt), run_id(one.run)).write_text(line(0))
        store.commit(outcome(second.run), attempt)
    one, two = followed(tmp_path / "study")
    assert one.name.startswith("adamw-small-1x-tune-")
    assert one.settings["learning_rate"] == first.configuration["learning_rate"]
    assert one.identity != two.identity


def test_mistakes_create_nothing(
    tmp_path: Path, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    assert main(["track", str(tmp_path / "empty")]) == 2
    assert "holds no run" in capsys.readouterr().err
    assert main(["track", str(folder), "--to", "tensorbord"]) == 2
    assert "did you mean 'tensorboard'?" in capsys.readouterr().err
    assert not (folder / "tracked").exists()


@pytest.mark.parametrize("name", ["tensorboard", "wandb", "trackio"])
def test_without_its_package_the_cure_is_told(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(module: str) -> Any:
        raise ImportError(module)

    monkeypatch.setattr("bestiary.trackers._sinks.import_module", missing)
    monkeypatch.setenv("TRACKIO_DIR", "")
    with pytest.raises(UserError, match=rf"pip install 'bestiary\[{name}\]'"):
        sink(name, tmp_path)


@pytest.mark.slow
def test_tensorboard_reads_what_was_written(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

    assert main(["track", str(folder)]) == 0
    assert "2 steps of 1 runs" in capsys.readouterr().out
    (path,) = (folder / "tracked" / "tensorboard").glob("*/events*")
    events = [one for one in EventFileLoader(str(path)).Load() if one.summary.value]
    assert [one.step for one in events] == [0, 1]
    assert events[0].summary.value[0].tag == "train/loss"


@pytest.mark.slow
def test_wandb_writes_offline(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_SILENT", "true")
    assert main(["track", str(folder), "--to", "wandb"]) == 0
    assert list((folder / "tracked" / "wandb" / "wandb").glob("offline-run-*/*.wandb"))
