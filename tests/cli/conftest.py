"""What several commands are tried on."""

from pathlib import Path

import pytest


@pytest.fixture
def text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a text and something else, and a cache of its own."""
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / "cache"))
    folder = tmp_path / "text"
    folder.mkdir()
    (folder / "book.txt").write_text("".join(f"line {n} of {n * n}\n" for n in range(3000)))
    (folder / "notes.md").write_text("not read")
    return folder
