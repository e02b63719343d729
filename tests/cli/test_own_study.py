"""docs/own-study.md does what it says: its own code is read from the page."""

import json
import re
from pathlib import Path

import pytest

from bestiary.cli import main
from bestiary.launch import cores
from bestiary.specs import SIZES
from bestiary.train import checkpoint_bytes

PAGE = Path(__file__).parents[2] / "docs" / "own-study.md"


@pytest.fixture
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the page shows."""
    found = re.search(r"```python\n(.*?)```", PAGE.read_text(), flags=re.DOTALL)
    assert found
    (tmp_path / "mine.py").write_text(found[1])
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_study_of_the_page_can_be_planned(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "mine.py:wider", "--speed", "1e9", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)
    by_name = {one["optimizer"]: one for one in plan["optimizers"]}
    assert by_name["AdamW"]["tuning_runs"] == by_name["Lion"]["tuning_runs"] == 2 * 8
    assert by_name["AdamW"]["report_runs"] == 2 * 3 * 3
    assert plan["reserve"] == ""
    largest = SIZES["262k"].parameters
    assert plan["disk_bytes"]["running"] == len(cores()) * checkpoint_bytes(largest)
    assert plan["all"]["seconds"] == pytest.approx(plan["all"]["flops"] / 1e9)
    assert {path.name for path in mine.iterdir()} - {"__pycache__"} == {"mine.py"}


@pytest.mark.slow
def test_a_plan_says_what_is_tuned_and_what_a_study_leaves_out(
    mine: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["plan", "mine.py:wider", "--speed", "1e9"]) == 0
    own = " ".join(capsys.readouterr().out.split())
    assert "Tuned in 65k 1x, 262k 1x, with at most 8 runs for every optimizer" in own
    assert "6 cells on 3 seeds; cells that are not tuned inherit from the nearest" in own
    assert "No starting point is known at the tuned sizes for AdamW, Lion:" in own
    assert main(["plan", "paper", "--speed", "1e15", "--price", "2"]) == 0
    paper = " ".join(capsys.readouterr().out.split())
    assert "laws predict it in 1.2b 1x, 1.2b 2x, 1.2b 4x, 1.2b 8x, 130m 16x, 300m 16x for" in paper
    assert "by the protocol `study`" in paper
    assert "not in it" not in paper
    assert "--devices lays a run over several" in paper
    assert re.search(r"In all: [\d,]+ to [\d,]+ runs, .* device-days", paper)
    assert "Reduced, `bestiary run paper --sizes 130m,300m --optimizers adamw,muon,soap`" in paper
    assert "No starting point" not in paper
    assert "of one trunk" not in own + paper
    assert main(["plan", "trunk", "--speed", "1e9"]) == 0
    trunk = " ".join(capsys.readouterr().out.split())
    assert "take its steps once: 52.7M tokens at most, where whole runs would take 74.7M" in trunk
    assert "`bestiary compare bestiary-trunk-full bestiary-trunk` has the bias" in trunk


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ("def wider(data):\n    return 3\n", "must return a Study, got int"),
        ("import nothing_of_that_name\n", "ModuleNotFoundError"),
        ("def wide(data): ...\n", "did you mean 'wide'?"),
    ],
)
def test_a_file_that_is_no_study_gets_one_line(
    mine: Path, text: str, cure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (mine / "mine.py").write_text(text)
    assert main(["plan", "mine.py:wider", "--speed", "1e9"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert cure in line
