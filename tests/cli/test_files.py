"""The files that `report` and `reproduce` leave, as a user asks for them."""

import json
from pathlib import Path

import pytest

from bestiary.cli import main
from bestiary.cli._figures import Format
from bestiary.report._files import FORMATS


def test_the_formats_of_the_flags_are_those_that_can_be_drawn() -> None:
    assert Format.__args__ == FORMATS


@pytest.mark.slow
def test_a_reproduction_leaves_a_page_and_stdout_stays_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "page.html"
    assert main(["reproduce", "--draws", "100", "--page", str(page), "--json"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["draws"] == 100
    assert err == f"wrote {page}\n"
    assert "Tuned AdamW is beaten by" in page.read_text()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["reproduce", "--page", "gone/page.html"], "does not exist; choose another --page"),
        (["reproduce", "--page", "."], "is a folder; choose another --page"),
        (["report", "--out", "gone/page.html"], "does not exist; choose another --out"),
        (["report", "--figures", "out", "--format", "gif"], "invalid choice 'gif'"),
    ],
)
def test_a_place_that_can_not_be_written_is_named_before_any_work(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
