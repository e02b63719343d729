"""Which tasks are asked for; without the harness."""

import sys

import pytest

from bestiary.downstream import TASK_LISTS, asked_for, load_tasks
from bestiary.errors import UserError


def test_lists_and_shots_are_read() -> None:
    found = asked_for(["study", "arc_easy:10", "piqa", "my:task.yaml"])
    assert found[0] == ("agieval_lsat_ar", 3)
    assert len(found) == len(TASK_LISTS["study"]) + 2  # arc_easy:10 is of the list
    assert found[-2:] == [("piqa", None), ("my:task.yaml", None)]


def test_none_named() -> None:
    with pytest.raises(UserError, match="name the tasks: --tasks study"):
        asked_for([])


def test_without_the_harness_the_cure_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "lm_eval", None)
    with pytest.raises(UserError, match=r"pip install 'bestiary\[eval\]'"):
        load_tasks(asked_for(["piqa"]))
