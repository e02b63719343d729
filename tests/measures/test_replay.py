"""The planner's rules on the study's stored runs: what comes back is what the page says."""

import json
from pathlib import Path

import pytest

from bestiary.cli import main
from bestiary.measures.published import Replay, replayed

PAGE = (Path(__file__).parents[2] / "docs" / "reproduction.md").read_text()
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def found() -> Replay:
    return replayed()


def test_best_configurations_are_derived_again_but_for_those_listed(found: Replay) -> None:
    differing = [cell for cell in found.cells if cell.differences]
    same = len(found.cells) - len(differing)
    assert f"**Best configurations: {same} of {len(found.cells)} cells end" in PAGE
    assert f"In {sum(cell.missing == 0 for cell in found.cells)} the star is complete" in PAGE
    assert len(differing) == 6
    for cell in differing:
        assert f"| {cell.optimizer} | {cell.size} {cell.ratio:g}x | " in PAGE


def test_what_depends_on_scale_is_listed_as_derived(found: Replay) -> None:
    for one in found.sensitive:
        assert f"| {one.optimizer} | {', '.join(one.derived)} | " in PAGE


def test_predictions_for_the_largest_size_come_back(found: Replay) -> None:
    differing = [one for one in found.predictions if not one.same]
    same = len(found.predictions) - len(differing)
    assert f"**Predictions for 1.2b: {same} of {len(found.predictions)} come back" in PAGE
    assert {(one.optimizer, one.name, one.fitted) for one in differing} == {
        ("soap", "precondition_frequency", None)
    }


def test_the_command_prints_what_differs(
    found: Replay, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("bestiary.measures.published.replayed", lambda: found)
    assert main(["reproduce", "fantastic2025", "--tuning"]) == 0
    text = capsys.readouterr().out
    assert "121 of 127 cells end where the study did" in text
    assert "learning_rate 0.004, not 0.008" in text
    assert main(["reproduce", "fantastic2025", "--tuning", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["cells"]) == len(found.cells)
    assert main(["reproduce", "fantastic2025", "--tuning", "--page", "p.html"]) == 2
