"""The result of `bestiary train` in its folder: complete, on the disk, and what was written."""

import json
import os
import signal
from pathlib import Path
from typing import Any

import pytest

from bestiary.cli import _one_run, main

TEXT = "the quick brown fox jumps over the lazy dog and runs home\n\n"
SHAPE = ["--size", "16k", "--shape.layers", "1", "--shape.context", "16", "--steps", "6"]
COMMAND = ["train", *SHAPE, "--data", "words.txt", "--json", "--batch-size", "4", "--out", "run"]


@pytest.fixture(autouse=True)
def inside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / "cache"))
    Path("words.txt").write_text("".join(f"{number} {TEXT}" for number in range(400)))


def trained(capsys: pytest.CaptureFixture[str]) -> tuple[Any, str]:
    assert main(COMMAND) == 0
    said = capsys.readouterr()
    return json.loads(said.out)["result"]["loss"], said.err


@pytest.mark.slow
def test_a_result_that_is_not_what_was_written_is_not_believed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    loss, _ = trained(capsys)
    path = Path("run/result.json")
    written = path.read_text()
    for damaged in ("", written[:40], written.replace('"done"', '"diverged"'), "{}"):
        path.write_text(damaged)
        again, said = trained(capsys)
        assert again == loss
        assert "not what was written" in said
        assert Path("run/damaged-result.json").read_text() == damaged
    _, said = trained(capsys)
    assert "trained before" in said
    Path("run/result.json.sha256").unlink()  # as an older Bestiary left it
    _, said = trained(capsys)
    assert "trained before" in said


@pytest.mark.slow
def test_a_stopped_training_says_by_which_signal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminating:
        def __init__(self, steps: int) -> None:
            del steps

        def __call__(self, step: int, loss: float) -> None:
            os.kill(os.getpid(), signal.SIGTERM)

    monkeypatch.setattr(_one_run, "_Log", Terminating)
    assert main([*COMMAND, "--steps", "300"]) == 143
    assert "the same command does" in capsys.readouterr().err


@pytest.mark.slow
def test_a_result_that_cannot_be_written_costs_no_training(
    capsys: pytest.CaptureFixture[str],
) -> None:
    in_the_way = Path(f"run/.run.json.{os.getpid()}")
    in_the_way.mkdir(parents=True)
    assert main(COMMAND) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "the run is trained, but run/run.json cannot be written: Is a directory" in said
    in_the_way.rmdir()
    loss, said = trained(capsys)
    assert loss
    assert "step" not in said.replace("step 6 of 6", ""), "it is read from the checkpoint"
