"""A tiny corpus, tiny runs on it, and the bytes a run leaves."""

from collections.abc import Callable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from tests.compiling import AS_USERS_COMPILE

from bestiary import data, optimizers
from bestiary.specs import ModelSpec, RunResult, RunSpec, ScheduleSpec, run_id
from bestiary.train import _program, _session, metrics_file, read_metrics

TINY = ModelSpec(
    layers=1,
    hidden=8,
    intermediate=16,
    heads=2,
    key_value_heads=2,
    context=16,
    vocabulary=256,
)
WORDS = ("the", "beast", "of", "all", "descents", "moves", "slowly", "down", "valleys")


@pytest.fixture(scope="module", autouse=True)
def how_users_compile_a_start() -> Iterator[dict[str, Any]]:
    """Taken away, so that here it is compiled as the other programs are; elsewhere it is back.

    Other tests compare with runs of other processes, to the bit, and those compile it as users do.
    """
    options = dict(_program._QUICK)
    _program._QUICK.clear()
    yield options
    _program._QUICK.update(options)


@pytest.fixture(scope="session")
def _programs_of_users() -> Callable[..., _program.Program]:
    return lru_cache(_program.program.__wrapped__)


@pytest.fixture
def as_users_compile(
    monkeypatch: pytest.MonkeyPatch,
    how_users_compile_a_start: dict[str, Any],
    _programs_of_users: Callable[..., _program.Program],
) -> None:
    """Train with programs as they are compiled outside of these tests."""
    monkeypatch.setattr(_program, "_QUICK", how_users_compile_a_start)
    monkeypatch.setitem(_program._ALWAYS, "cpu", {**_program._ALWAYS["cpu"], **AS_USERS_COMPILE})
    monkeypatch.setattr(_session, "program", _programs_of_users)


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> data.Corpus:
    folder = tmp_path_factory.mktemp("text")
    rng = np.random.default_rng(0)
    lines = (" ".join(rng.choice(WORDS, 8)) + "\n" for _ in range(2000))
    (folder / "text.txt").write_text("".join(lines))
    return data.prepare([data.source(folder / "text.txt")], folder / "corpora")


@pytest.fixture(scope="session")
def make_run(corpus: data.Corpus) -> Callable[..., RunSpec]:
    """A run of a few steps; settings of the optimizer as a dictionary, fields by keyword."""

    def make(name: str = "adamw", settings: Any = None, **fields: Any) -> RunSpec:
        stated = optimizers.resolve(name, {"learning_rate": 0.01, **(settings or {})})
        defaults = {
            "model": TINY,
            "data": corpus.spec,
            "optimizer": stated,
            "schedule": ScheduleSpec(warmup_steps=3.0),
            "batch_size": 4,
            "steps": 20,
            "evaluation_sequences": 6,
        }
        return RunSpec(**{**defaults, **fields})

    return make


def _outcome(result: RunResult, run: RunSpec, folder: Path) -> dict[str, Any]:
    plain = msgspec.to_builtins(result)
    for name in ("seconds", "compile_seconds", "step_seconds", "environment"):
        del plain[name]
    rows = [msgspec.to_builtins(line) for line in read_metrics(metrics_file(folder, run_id(run)))]
    for row in rows:
        del row["seconds"]
    return {"result": plain, "metrics": rows}


@pytest.fixture(scope="session")
def outcome() -> Callable[[RunResult, RunSpec, Path], dict[str, Any]]:
    """Everything a run leaves that is not a time."""
    return _outcome
