from pathlib import Path

import pytest

from bestiary.cli._remembered import remember, remembered


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
