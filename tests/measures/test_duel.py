"""The tuner duel: fair starts, no run twice, and what is known of each tuner."""

import json
import random

import pytest

from bestiary.cli import main
from bestiary.errors import UserError
from bestiary.measures.published import TunerDuel, tuner_duel
from bestiary.measures.published import _duel as duel

GRID = [{"x": float(x), "y": float(y)} for x in range(6) for y in range(6)]
POOL = [(one, 0.01 * ((one["x"] - 4) ** 2 + (one["y"] - 1) ** 2)) for one in GRID]


@pytest.mark.parametrize("name", [*duel.TUNERS, "TPE"])
def test_a_tuner_sees_every_run_once_and_gets_better(name: str) -> None:
    if name == "TPE":
        pytest.importorskip("optuna")
    tuner = {**duel.TUNERS, "TPE": duel._tpe}[name]
    seen, draw = [35], random.Random(0)
    while len(seen) < len(POOL):
        seen.append(tuner(POOL, seen, draw))
    assert sorted(seen) == list(range(len(POOL)))


def test_on_a_bowl_the_model_and_the_coordinates_beat_chance() -> None:
    course = {
        name: duel._course(name, tuner, [POOL, POOL[::-1]], 8).regrets
        for name, tuner in duel.TUNERS.items()
    }
    assert course["Gaussian process"][11] < 0.5 * course["random search"][11]
    assert course["coordinate descent"][13] < course["random search"][13]
    assert len({regrets[0] for regrets in course.values()}) == 1, "all start at the same run"
    for regrets in course.values():
        assert list(regrets) == sorted(regrets, reverse=True)


@pytest.fixture(scope="module")
def found() -> TunerDuel:
    return tuner_duel(starts=1)


@pytest.mark.slow
def test_the_command_prints_every_tuner(
    found: TunerDuel, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bestiary.measures.published.tuner_duel", lambda: found)
    assert main(["reproduce", "fantastic2025", "--duel"]) == 0
    text = capsys.readouterr().out
    assert all(one.tuner in text for one in found.courses)
    assert "favours it" in text
    assert main(["reproduce", "fantastic2025", "--duel", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["pools"] == found.pools == 71


def test_a_duel_without_starts_is_refused() -> None:
    with pytest.raises(UserError, match="at least one start"):
        tuner_duel(starts=0)
