"""The whole of it, once, with real training of a model of a few thousand parameters."""

import os
import random
import signal
import threading
from pathlib import Path

import msgspec
import pytest

from bestiary import data, optimizers
from bestiary.errors import StopRequested
from bestiary.launch import LocalExecutor, Snapshot, drive
from bestiary.specs import (
    PLACEMENT,
    POPULATION,
    Candidate,
    Cell,
    ModelSpec,
    RunResult,
    Study,
    Tuning,
)
from bestiary.store import StudyStore
from bestiary.train import train
from bestiary.tune import needed, winners

pytestmark = pytest.mark.slow(25)

TINY = ModelSpec(
    layers=1, hidden=8, intermediate=16, heads=1, key_value_heads=1, context=16, vocabulary=256
)


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, data.Corpus]:
    folder = tmp_path_factory.mktemp("text")
    source = random.Random(0)
    words = ["the", "fox", "sees", "a", "dog", "and", "runs", "home", "\n"]
    for number in range(8):
        text = " ".join(source.choice(words) for _ in range(1500))
        (folder / f"{number}.txt").write_text(text)
    home = tmp_path_factory.mktemp("corpora")
    return home, data.prepare([data.source(folder)], home, name="foxes")


def question(corpus: data.Corpus) -> Study:
    def candidate(name: str, start: float) -> Candidate:
        settings = optimizers.resolve(name, {"learning_rate": start}).settings
        return Candidate(
            name=name,
            label=name,
            family=optimizers.lookup(name).family,
            start={**settings, "warmup_fraction": 0.1},
            grid={"learning_rate": (start, 2 * start)},
        )

    return Study(
        name="tiny",
        question="which?",
        candidates=(candidate("adamw", 0.01), candidate("lion", 0.002)),
        sizes={"tiny": TINY},
        ratios=(1.0,),
        data=corpus.spec,
        batch_size=4,
        tuning=Tuning(cells=(Cell(size="tiny", ratio=1.0),), runs_per_cell=3),
        seeds=(1,),
        evaluations=2,
        evaluation_sequences=8,
    )


def numbers(results: dict[str, RunResult]) -> dict[str, RunResult]:
    """Results without what depends on the clock and the machine."""
    clock = {"seconds": 0.0, "compile_seconds": 0.0, "step_seconds": 0.0, "environment": {}}
    return {key: msgspec.structs.replace(one, **clock) for key, one in results.items()}


class InterruptOnce:
    """An observer that presses Ctrl-C when a run has begun to train."""

    def __init__(self) -> None:
        self.pressed = threading.Event()

    def update(self, snapshot: Snapshot) -> None:
        trains = any(one.step for one in snapshot.running)
        if trains and snapshot.done and not self.pressed.is_set():
            self.pressed.set()
            os.kill(os.getpid(), signal.SIGINT)

    def notice(self, line: str) -> None:
        del line


def test_a_study_has_the_same_bits_with_any_workers_interrupted_and_run_by_run(
    tmp_path: Path, corpus: tuple[Path, data.Corpus]
) -> None:
    home, opened = corpus
    study = question(opened)
    with LocalExecutor(home, workers=1) as executor:
        with StudyStore.create(tmp_path / "whole", study) as store:
            drive(store, executor)
            whole = numbers(store.results())
        assert needed(study, whole) == []
        assert {result.state for result in whole.values()} == {"done"}
        assert set(winners(study, whole)) == {(name, study.cells[0]) for name in ("adamw", "lion")}
        two = LocalExecutor(home, workers=2)
        with two, StudyStore.create(tmp_path / "two", study) as store:
            drive(store, two)
            assert numbers(store.results()) == whole
            planned = list(store.planned().values())
        for index, one in enumerate(planned[:2]):
            alone = train([one.run], opened, tmp_path / str(index))[0]
            assert numbers({alone.run_id: alone}) == {alone.run_id: whole[alone.run_id]}
        with StudyStore.create(tmp_path / "broken", study) as store:
            with pytest.raises(StopRequested):
                drive(store, executor, InterruptOnce())
            assert len(store.results()) < len(whole)
            drive(store, executor)  # the workers have stopped: the executor starts new ones
            assert numbers(store.results()) == whole


@pytest.mark.rare
def test_runs_laid_over_several_devices_have_the_results_of_one_and_cost_them_all(
    tmp_path: Path, corpus: tuple[Path, data.Corpus], monkeypatch: pytest.MonkeyPatch
) -> None:
    home, opened = corpus
    study, results = question(opened), []
    monkeypatch.setenv("XLA_FLAGS", "--xla_force_host_platform_device_count=2")
    for devices in (1, 2):
        executor = LocalExecutor(home, workers=1, devices=devices)
        with executor, StudyStore.create(tmp_path / str(devices), study) as store:
            drive(store, executor)
            results.append(store.results())
    alone, over_two = results
    assert over_two.keys() == alone.keys()
    for key, result in over_two.items():
        assert result.environment[PLACEMENT] == "data=2"
        assert result.device_seconds == 2 * (result.seconds + result.compile_seconds)
        assert result.loss == pytest.approx(alone[key].loss, abs=2e-3), "sums in another order"


@pytest.mark.rare
def test_populations_have_the_results_of_runs_alone_and_say_so(
    tmp_path: Path, corpus: tuple[Path, data.Corpus]
) -> None:
    home, opened = corpus
    study = msgspec.structs.replace(question(opened), seeds=(1, 2, 3))
    with (
        LocalExecutor(home, workers=1) as one,
        StudyStore.create(tmp_path / "alone", study) as store,
    ):
        drive(store, one)
        alone = store.results()
    several = LocalExecutor(home, workers=1, population=3)
    with several, StudyStore.create(tmp_path / "together", study) as store:
        with pytest.raises(StopRequested):
            drive(store, several, InterruptOnce())
        drive(store, several)
        together = store.results()
    assert together.keys() == alone.keys()
    shared = [one for one in together.values() if POPULATION in one.environment]
    assert {one.environment[POPULATION] for one in shared} >= {"3"}
    for key, result in together.items():
        # The last bits differ, and 300 steps of so small a model make more of them.
        assert result.loss == pytest.approx(alone[key].loss, abs=2e-3)
        assert result.last_step == alone[key].last_step
        (metrics,) = (tmp_path / "together" / "runs" / key[:12]).glob("attempt-*/metrics-*.jsonl")
        assert not metrics.is_symlink()
    assert not list(tmp_path.glob("*/runs/*/*/checkpoints"))
