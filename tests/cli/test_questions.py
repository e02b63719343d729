"""A study says whose tokens its models are for, and other text is refused before it is read."""

from pathlib import Path

import msgspec
import pytest
from tests.cli.tiny_study import tiny

from bestiary.cli import main
from bestiary.cli._questions import check_text
from bestiary.errors import UserError
from bestiary.specs import SIZES, DataSpec, Study


def question(tokenizer: str, size: str) -> Study:
    study = tiny(DataSpec(name="none", digest="0" * 64))
    return msgspec.structs.replace(study, tokenizer=tokenizer, sizes={size: SIZES[size]})


@pytest.mark.parametrize(
    ("stated", "size", "given"),
    [
        ("", "8k", "byte"),
        ("", "130m", "tokenizer.json"),
        ("byte", "8k", "byte"),
        ("byte", "130m", "byte"),
        ("Llama 3", "130m", "tokenizer.json"),
    ],
)
def test_text_of_the_right_tokens_is_taken(stated: str, size: str, given: str) -> None:
    check_text(question(stated, size), (), given)


@pytest.mark.parametrize(
    ("stated", "size", "given", "cure"),
    [
        ("", "130m", "byte", "models of tiny have 128,256; give --data and its --tokenizer"),
        ("Llama 3", "130m", "byte", "for Llama 3 tokens, 128,256 ids; give --data"),
        ("byte", "8k", "tokenizer.json", "for bytes, got --tokenizer tokenizer.json; leave it out"),
    ],
)
def test_text_of_other_tokens_is_refused(stated: str, size: str, given: str, cure: str) -> None:
    with pytest.raises(UserError, match=cure):
        check_text(question(stated, size), (), given)


def test_the_paper_without_its_text_is_one_line_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / "cache"))
    assert main(["run", "paper"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Llama 3 tokens" in line
    assert list(tmp_path.iterdir()) == []
