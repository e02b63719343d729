"""What a folder should hold is a file or a folder; for what is neither nothing waits."""

import os
from pathlib import Path

import pytest

from bestiary.store import open_file, read_whole, remove
from bestiary.store._whole import write_whole


def test_what_was_written_is_read(tmp_path: Path) -> None:
    write_whole(tmp_path / "a", "text")
    assert read_whole(tmp_path / "a") == b"text"
    with open_file(tmp_path / "a") as file:
        assert file.read() == b"text"


@pytest.mark.parametrize("put", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/zero")])
def test_what_is_no_file_is_not_read(tmp_path: Path, put: object) -> None:
    assert callable(put)
    put(tmp_path / "a")
    for read in (open_file, read_whole):
        with pytest.raises(OSError, match=r"not a file|Is a directory"):
            read(tmp_path / "a")


def test_a_file_larger_than_memory_is_not_read(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(2**42)  # takes no room
    with pytest.raises(OSError, match="too large"):
        read_whole(tmp_path / "a")


def test_whatever_has_a_name_is_removed_and_nothing_that_it_points_to(tmp_path: Path) -> None:
    (tmp_path / "kept").mkdir()
    (tmp_path / "kept" / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "kept")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder" / "below").mkdir(parents=True)
    os.mkfifo(tmp_path / "folder" / "below" / "pipe")
    (tmp_path / "file").touch()
    for name in ("link", "pipe", "folder", "file", "missing"):
        remove(tmp_path / name)
    assert [path.name for path in tmp_path.rglob("*")] == ["kept", "file"]
