import os
from pathlib import Path

import pytest

from bestiary.cli._remembered import FILE, remember, remembered


@pytest.mark.parametrize("text", [b"x" * 5000, b"\0\xff", b"/a\0b\n", None])
def test_a_list_that_is_none_is_passed_over(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: bytes | None
) -> None:
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path))
    monkeypatch.delenv("BESTIARY_STUDIES")
    if text is None:
        os.mkfifo(tmp_path / FILE)
    else:
        (tmp_path / FILE).write_bytes(text)
    assert remembered() == []
    study = tmp_path / "study"
    study.mkdir()
    (study / "study.sqlite").touch()
    remember(study)
    assert remembered() == [study]


def test_folders_are_known_again_the_newest_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("BESTIARY_STUDIES")
    folders = [tmp_path / name for name in "abc"]
    for folder in folders:
        folder.mkdir()
        (folder / "study.sqlite").touch()
        remember(folder)
    remember(folders[0])
    (folders[1] / "study.sqlite").unlink()
    assert remembered() == [folders[0], folders[2]]
    monkeypatch.setenv("BESTIARY_STUDIES", "off")
    assert remembered() == []
    remember(folders[2])
    monkeypatch.delenv("BESTIARY_STUDIES")
    assert remembered() == [folders[0], folders[2]]
