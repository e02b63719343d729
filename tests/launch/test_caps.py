"""A limit ends a study with what is known; a higher one goes on, and the answer is the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
from tests.tune.study import answer, study

from bestiary.errors import UserError
from bestiary.launch import LocalExecutor, drive
from bestiary.launch._snapshot import Silent
from bestiary.store import StudyStore
from bestiary.tune import Caps


class Told(Silent):
    """Remembers what it was told."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def notice(self, line: str) -> None:
        self.lines.append(line)


@pytest.mark.slow
def test_a_limit_ends_a_study_and_a_higher_one_goes_on(
    tmp_path: Path, executor: Callable[..., LocalExecutor]
) -> None:
    question = study(runs_per_cell=4, seeds=(1,))
    _, order = answer(question)
    with StudyStore.create(tmp_path / "study", question) as store:
        for limit in (5, len(order)):
            told = Told()
            drive(store, executor("quick"), told, caps=Caps(runs=limit))
            assert len(store.results()) == limit
            ended = [line for line in told.lines if "ends at 5 runs with what is known" in line]
            assert len(ended) == (limit == 5)


@pytest.mark.parametrize(
    ("caps", "runs", "hours", "reached"),
    [
        (Caps(), 10**9, 10**9, ""),
        (Caps(runs=3), 2, 0, ""),
        (Caps(runs=3), 3, 0, "3 runs"),
        (Caps(device_hours=1.5), 9, 1.4, ""),
        (Caps(device_hours=1.5), 9, 1.5, "1.5 device-hours"),
        (Caps(cost=10, price=2), 9, 4.9, ""),
        (Caps(cost=10, price=2), 9, 5, "a cost of 10"),
    ],
)
def test_the_first_limit_without_room_is_named(
    caps: Caps, runs: int, hours: float, reached: str
) -> None:
    assert caps.reached(runs, hours * 3600) == reached


def test_a_cost_needs_a_price() -> None:
    with pytest.raises(UserError, match="price of a device-hour"):
        Caps(cost=10)
