"""Mistakes are refused in one line, before anything is computed or written."""

import errno
import fcntl
import os
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest

from bestiary import data
from bestiary.errors import DiskError, UserError
from bestiary.specs import DataSpec, ModelSpec, OptimizerSpec, RunSpec
from bestiary.train import Policy, _checks, _train, check_run, train

Make = Callable[..., RunSpec]
MODEL = ModelSpec(
    layers=1, hidden=4, intermediate=4, heads=1, key_value_heads=1, context=8, vocabulary=255
)


def refused(runs: list[RunSpec], corpus: data.Corpus, folder: Path, policy: Any = None) -> str:
    """The message; nothing was made."""
    with pytest.raises(UserError) as error:
        train(runs, corpus, folder, policy or Policy())
    assert not folder.exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_bad_runs(make_run: Make, corpus: data.Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    run = make_run()
    assert "at least one run" in refused([], corpus, folder)
    assert "occurs twice" in refused([run, run], corpus, folder)
    assert "equal steps, got 20 and 9" in refused([run, make_run(steps=9)], corpus, folder)
    assert "equal batch_size" in refused([run, make_run(batch_size=2)], corpus, folder)
    assert "<= 9223372036854775807" in refused([make_run(seed=2**64)], corpus, folder)
    of_others = msgspec.structs.replace(run.optimizer, package="my-optimizers 1.0 0123456789ab")
    foreign = msgspec.structs.replace(run, optimizer=of_others)
    assert "is for adamw of my-optimizers 1.0" in refused([foreign], corpus, folder)
    unstated = OptimizerSpec(name="adamw", settings={"learning_rate": 0.1})
    bare = msgspec.structs.replace(run, optimizer=unstated)
    assert "adamw lacks 'weight_decay'" in refused([bare], corpus, folder)
    odd = msgspec.structs.replace(run, optimizer=OptimizerSpec(name="adamv", settings={}))
    assert "did you mean 'adamw'" in refused([odd], corpus, folder)
    wild = dict(run.optimizer.settings, beta1=1.5)
    high = msgspec.structs.replace(run, optimizer=OptimizerSpec(name="adamw", settings=wild))
    assert "beta1" in refused([high], corpus, folder)


def test_a_corpus_that_does_not_fit(make_run: Make, corpus: data.Corpus, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    other = make_run(data=DataSpec(name="elsewhere", digest="a" * 64))
    assert "is for corpus 'elsewhere' (aaaaaaaaaaaa)" in refused([other], corpus, folder)
    assert "must cover the corpus, got 255 for 256" in refused(
        [make_run(model=MODEL)], corpus, folder
    )
    long = msgspec.structs.replace(MODEL, vocabulary=256, context=10**6)
    assert "too short" in refused([make_run(model=long)], corpus, folder)


def test_a_full_disk(
    make_run: Make, corpus: data.Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bestiary.train import _checks

    monkeypatch.setattr(_checks.shutil, "disk_usage", lambda path: SimpleNamespace(free=1000))
    with pytest.raises(DiskError, match="free space or name another folder"):
        train([make_run()], corpus, tmp_path / "run")
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_disk_that_fills_up_is_one_line_and_nothing_is_lost(
    make_run: Make, corpus: data.Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from bestiary.train import _metrics

    run = make_run()

    def full(self: Any, metrics: Any) -> None:
        if metrics[0].step >= 8:
            raise OSError(errno.ENOSPC, "No space left on device")
        write(self, metrics)

    write = _metrics.MetricWriter.write
    monkeypatch.setattr(_metrics.MetricWriter, "write", full)
    with pytest.raises(DiskError) as error:
        train([run], corpus, tmp_path, Policy(steps_per_dispatch=4, checkpoint_every=4))
    monkeypatch.undo()
    assert str(error.value).startswith(f"cannot write to {tmp_path}: No space left on device; ")
    seen: list[int] = []
    policy = Policy(
        resume_from=tmp_path, steps_per_dispatch=4, progress=lambda step, loss: seen.append(step)
    )
    assert train([run], corpus, tmp_path, policy)[0].state == "done"
    assert seen == [12, 16, 20]


def test_a_folder_that_cannot_be_used(make_run: Make, corpus: data.Corpus, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("mine")
    for folder, message in ((file, "is a file"), (file / "below", "cannot write")):
        with pytest.raises(UserError, match=message):
            train([make_run()], corpus, folder)
    assert file.read_text() == "mine"


@pytest.mark.slow
def test_a_folder_with_another_run_is_kept(
    make_run: Make, corpus: data.Corpus, tmp_path: Path
) -> None:
    train([make_run(steps=5)], corpus, tmp_path)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(UserError, match="already holds a run"):
        train([make_run()], corpus, tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr(fcntl, "flock", refused)
    with (
        pytest.raises(UserError, match=r"does not lock files .* on another disk"),
        _train.claimed(tmp_path / "r", Policy()),
    ):
        raise AssertionError("claimed")


def test_a_folder_in_use_names_the_process(
    make_run: Make, corpus: data.Corpus, tmp_path: Path
) -> None:
    with (
        _train.claimed(tmp_path, Policy()),
        pytest.raises(UserError, match=f"in use by process {os.getpid()}"),
    ):
        train([make_run()], corpus, tmp_path)


def test_a_check_before_the_text_is_read_starts_jax_with_one_thread(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever asks JAX for its devices first decides how many threads a CPU run has."""
    asked: list[str] = []
    monkeypatch.setattr(_checks, "start_jax", lambda: asked.append("start"))
    monkeypatch.setattr("jax.default_backend", lambda: asked.append("look") or "cpu")
    check_run(make_run())
    assert asked[:2] == ["start", "look"]
