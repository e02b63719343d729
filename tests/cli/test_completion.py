"""Shells complete commands and options; what is installed is installed once."""

import subprocess
from pathlib import Path

import pytest

from bestiary.cli import main

ASK = """
eval "$(cat {script})"
COMP_WORDS=({words}); COMP_CWORD={place}
_bestiary
echo "${{COMPREPLY[@]}}"
"""


@pytest.fixture
def script(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Path:
    assert main(["completion", "bash"]) == 0
    (tmp_path / "script").write_text(capsys.readouterr().out)
    return tmp_path / "script"


@pytest.mark.parametrize(
    ("words", "place", "expected"),
    [
        ("bestiary tr", 1, "train track"),
        ("bestiary train --opt", 2, "--optimizer"),
        ("bestiary run mystudy", 2, ""),
    ],
)
def test_bash_completes(script: Path, words: str, place: int, expected: str) -> None:
    text = ASK.format(script=script, words=words, place=place)
    done = subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == expected
    assert done.stderr == ""


def test_other_shells_have_theirs(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", "zsh"]) == 0
    assert "bashcompinit" in capsys.readouterr().out
    assert main(["completion", "fish"]) == 0
    assert "__fish_seen_subcommand_from train' -l optimizer" in capsys.readouterr().out


def test_it_is_installed_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".bashrc").write_text("alias x=y")
    for _ in range(2):
        assert main(["completion", "bash", "--install"]) == 0
    assert (tmp_path / ".bashrc").read_text() == 'alias x=y\neval "$(bestiary completion bash)"\n'
