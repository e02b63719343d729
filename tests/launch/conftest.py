"""Workers import their trainers from this repository's tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bestiary.launch import LocalExecutor

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def found_by_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let processes that are started here import these tests."""
    before = os.environ.get("PYTHONPATH", "")
    paths = [str(ROOT), str(ROOT / "src"), before]
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, paths)))


@pytest.fixture
def executor(found_by_workers: None) -> Iterator[Callable[..., LocalExecutor]]:
    """Make executors of fake trainers; all are closed in the end."""
    made: list[LocalExecutor] = []

    def make(trainer: str, **options: float) -> LocalExecutor:
        options = {"workers": 2, **options}
        made.append(LocalExecutor("corpora", trainer=f"tests.launch.trainers:{trainer}", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
