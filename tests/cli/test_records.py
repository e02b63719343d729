"""Records in a study folder's place: the same answers, from a file alone."""

import json
from pathlib import Path

import pytest
from tests.quickstart import RECORDS

from bestiary.cli import main


def printed(capsys: pytest.CaptureFixture[str], *command: str) -> str:
    assert main(list(command)) == 0
    return capsys.readouterr().out


@pytest.mark.slow
def test_a_file_answers_as_the_folder_does_that_it_becomes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    file = Path("mine.records.jsonl.gz")
    file.write_bytes(RECORDS.read_bytes())
    told = json.loads(printed(capsys, "import", str(file), "--out", "study", "--json"))
    assert told["added"] == told["read"] == 78
    from_file = json.loads(printed(capsys, "report", str(file), "--json"))
    assert from_file == json.loads(printed(capsys, "report", "study", "--json"))
    assert Path("mine.html").read_text() == Path("study/report.html").read_text()
    claim = ("check", "Muon is 1.2x faster than AdamW")
    assert printed(capsys, *claim, str(file)).replace(str(file), "study") == printed(
        capsys, *claim, "study"
    )
    assert "Nothing differs" in printed(capsys, "compare", str(file), "study")
    printed(capsys, "report", "study", "--json", "--records", "again.records.jsonl.gz")
    assert json.loads(printed(capsys, "report", "again.records.jsonl.gz", "--json")) == from_file


@pytest.mark.slow
def test_a_study_that_comes_with_the_package_becomes_a_folder_by_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = json.loads(printed(capsys, "import", "laptop", "--out", str(tmp_path / "s"), "--json"))
    assert told["added"] == told["read"] == 986


@pytest.mark.parametrize(
    ("command", "message"),
    [
        ("report none.records.jsonl.gz", "no such file: none.records.jsonl.gz"),
        ("report {} --records b.records.jsonl.gz", "are records already"),
        ("report study --records b.gz", "records go into a file NAME.records.jsonl.gz"),
        ("import {} --mapping a.toml", "no mapping"),
        ("check x none.records.jsonl.gz", "no such file"),
    ],
)
def test_a_mistake_is_one_line(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: str,
    message: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(command.format(RECORDS).split()) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1
    assert not list(tmp_path.iterdir())
