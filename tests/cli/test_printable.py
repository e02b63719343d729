"""What a terminal is shown: never an escape sequence of somebody's file, never a traceback."""

import io
import sys

import pytest

from bestiary.cli import main
from bestiary.cli._listing import show
from bestiary.cli._printable import printable


def test_control_characters_are_written_out() -> None:
    assert printable("a\x1b]0;title\x07b\u202ec\x9bd") == "a\\x1b]0;title\\x07b\\u202ec\\x9bd"
    assert printable("µ ± 1.94\tå\n") == "µ ± 1.94\tå\n"


def test_a_table_and_a_complaint_have_none(capsys: pytest.CaptureFixture[str]) -> None:
    show([{"name": "evil\x1b[2J"}], {"name": "name"}, as_json=False)
    assert main(["train", "--optimizer", "evil\x1b[2J"]) == 2
    said = capsys.readouterr()
    assert "\x1b" not in said.out + said.err


@pytest.mark.parametrize("encoding", ["latin-1", "ascii"])
def test_an_encoding_that_lacks_a_character_gets_a_question_mark(
    encoding: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`PYTHONIOENCODING=latin-1`: the table of a night's study has boxes and a dagger."""
    written = io.BytesIO()
    stream = io.TextIOWrapper(written, encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    assert main(["sizes"]) == 0
    print("1.94 ● † ─")
    stream.flush()
    assert written.getvalue().decode(encoding).endswith("1.94 ? ? ?\n")
