"""What a command says of its text."""

from pathlib import Path

import pytest

from bestiary.cli._corpora import prepared


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text and something else, and a cache of its own."""
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "book.txt").write_text("".join(f"line {n} of {n * n}\n" for n in range(3000)))
    (folder / "notes.md").write_text("not read")
    return folder


def test_what_was_read_is_said_once(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepared([str(text)])
    said = capsys.readouterr()
    assert said.out == ""
    size = (text / "book.txt").stat().st_size
    assert f"documents, {size:,} bytes" in said.err
    assert "passed over in book: 1 .md file, such as notes.md" in said.err
    assert "train: " in said.err
    prepared([str(text)])
    assert capsys.readouterr() == ("", "")
