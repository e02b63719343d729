"""A study says whose tokens its models are for, and other text is refused before it is read."""

import sys
from pathlib import Path

import msgspec
import pytest
from tests.cli.tiny_study import tiny

from bestiary.cli import main
from bestiary.cli._questions import check_text, without_corpus
from bestiary.errors import UserError
from bestiary.specs import SIZES, DataSpec, Phases, Study


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


OWN = """
import beside
from tests.cli.tiny_study import tiny
from bestiary.specs import Study, Tuning
import msgspec

def empty(data):
    return msgspec.structs.replace(tiny(data), ratios=())

def untuned(data):
    return msgspec.structs.replace(tiny(data), tuning=Tuning(cells=(), runs_per_cell=2))

def mistyped(data):
    return Study(name="x", questoin="q")

def asks_nothing():
    return None
"""


@pytest.mark.parametrize(
    ("name", "cure"),
    [
        ("mine.py", "name the function too, as mine.py:FUNCTION"),
        ("mine.py:empty", "at least one of its ratios, got none; add one"),
        ("mine.py:untuned", "add one to tuning.cells"),
        ("mine.py:mistyped", "(line 14 of mine.py); did you mean 'question'?"),
        ("mine.py:asks_nothing", "makes no study: TypeError: asks_nothing() takes 0 positional"),
        ("mine.py:tinyy", "did you mean 'tiny'?"),
        ("leaves.py:f", "leaves.py cannot be run: SystemExit: 3 (line 1 of leaves.py)"),
    ],
)
def test_a_mistake_in_somebodys_file_is_one_line_with_its_cure(
    name: str, cure: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(OWN)
    (tmp_path / "beside.py").write_text("found = True")
    (tmp_path / "leaves.py").write_text("raise SystemExit(3)")
    path = list(sys.path)
    with pytest.raises(UserError) as raised:
        without_corpus(name)
    assert cure in str(raised.value)
    assert sys.path == path


def test_the_paper_without_its_text_is_one_line_and_nothing_is_made(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / "cache"))
    assert main(["run", "paper"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "Llama 3 tokens" in line
    assert list(tmp_path.iterdir()) == []


def test_a_study_made_today_freezes_by_the_rule_of_today(tmp_path: Path) -> None:
    """Where it names none, and goes by `bestiary`; a folder's own is in `tests/store`."""
    laptop, paper = (without_corpus(name).phases for name in ("laptop", "paper"))
    assert isinstance(laptop, Phases)
    assert isinstance(paper, Phases)
    assert (laptop.freezing, "freezing" in msgspec.to_builtins(paper)) == ("shown", False)
    tiny = Path(__file__).parent / "tiny_phases.toml"
    own = tmp_path / "own.toml"
    stated = 'protocol = "bestiary"\nfreezing = "near-optimal"'
    own.write_text(tiny.read_text().replace('protocol = "study"', stated))
    phases = without_corpus(str(own)).phases
    assert isinstance(phases, Phases)
    assert phases.freezing == "near-optimal"
