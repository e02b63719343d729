"""Workers import their trainers from this repository's tests."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from bestiary.launch import LocalExecutor

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def executor(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., LocalExecutor]]:
    """Make executors of fake trainers; all are closed in the end."""
    before = os.environ.get("PYTHONPATH")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(filter(None, [str(ROOT), before])))
    made: list[LocalExecutor] = []

    def make(trainer: str, **options: float) -> LocalExecutor:
        options = {"workers": 2, **options}
        made.append(LocalExecutor("corpora", trainer=f"tests.launch.trainers:{trainer}", **options))
        return made[-1]

    yield make
    for one in made:
        one.close()
