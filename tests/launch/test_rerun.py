"""What `bestiary verify` does: runs once more, each with its place."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tune.study import answer, outcome, study

from bestiary.errors import BestiaryError
from bestiary.launch import LocalExecutor, rerun
from bestiary.specs import RunSpec

Make = Callable[..., LocalExecutor]


def runs() -> list[RunSpec]:
    return [planned.run for planned in answer(study(5, (1,)))[1][:5]]


@pytest.mark.slow
def test_every_run_comes_once_with_its_place(tmp_path: Path, executor: Make) -> None:
    again = dict(rerun(runs(), executor("quick"), tmp_path))
    assert again == {index: outcome(run) for index, run in enumerate(runs())}


@pytest.mark.slow
def test_one_that_cannot_be_trained_is_said(tmp_path: Path, executor: Make) -> None:
    with pytest.raises(BestiaryError, match="trained again: corpora holds no corpus; prepare it"):
        list(rerun(runs(), executor("broken"), tmp_path))
