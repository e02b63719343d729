"""Small files that somebody wrote are read, or refused in one line, by one set of checks."""

import os
import threading
from pathlib import Path

import pytest

from bestiary.errors import UserError
from bestiary.store import _stated
from bestiary.store._stated import read_json, read_toml


@pytest.mark.parametrize("mark", [b"", b"\xef\xbb\xbf"])
def test_a_file_of_any_editor_is_read(tmp_path: Path, mark: bytes) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(mark + b'a = "\xc3\xa4"\r\n')
    assert read_toml(path, "the study") == {"a": "\N{LATIN SMALL LETTER A WITH DIAERESIS}"}


def test_a_pipe_of_a_shell_is_read(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    writer = threading.Thread(target=path.write_text, args=("a = 1",))
    writer.start()
    assert read_toml(path, "the study") == {"a": 1}
    writer.join()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"a = " + b"[" * 9000 + b"]" * 9000, "is nested too deeply"),
        (b"a = " + b"9" * 5000, "is not TOML: Exceeds the limit"),
        (b"a = 1\na = 2", "is not TOML: Cannot overwrite a value"),
        ("a = 1".encode("utf-16"), "is not TOML: 'utf-8' codec"),
        (b"a = '\0'", "is not TOML: "),
    ],
    ids=["deep", "digits", "twice", "utf-16", "nul"],
)
def test_what_is_no_toml_is_refused_in_one_line(
    tmp_path: Path, content: bytes, message: str
) -> None:
    path = tmp_path / "a.toml"
    path.write_bytes(content)
    with pytest.raises(UserError, match=f"the study .*a.toml {message}") as caught:
        read_toml(path, "the study")
    assert "\n" not in str(caught.value)


def test_what_has_no_end_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_stated, "MOST_BYTES", 10**6)
    for read in (read_toml, read_json):
        with pytest.raises(UserError, match="--config /dev/zero must be at most 1 MB"):
            read(Path("/dev/zero"), "--config")


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot read the mapping .*: Is a directory"):
        read_toml(tmp_path, "the mapping")
