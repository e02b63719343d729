"""Every command that a page names is one: the command line's own parser takes it as it stands."""

import importlib.util
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from bestiary.cli import main
from bestiary.cli._commands import COMMANDS
from bestiary.cli._flags import parse

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
# A place for what a reader puts in, or something left out: no command as it stands.
_OPEN = re.compile(r"\.\.\.|…|[<\[|]")


def blocks(text: str) -> Iterator[str]:
    """The lines of code blocks, fenced or indented, a continued line as one."""
    fenced = False
    joined = text.replace("\\\n", " ")
    for line in joined.splitlines():
        if line.strip().startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            yield line.strip().removeprefix("$ ")


def commands(page: Path, program: str) -> list[str]:
    """What a page tells to run, in blocks and between backticks, each once."""
    text = page.read_text()
    plain = re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL)
    inline = (" ".join(found.split()) for found in re.findall(r"`([^`]+)`", plain))
    lines = (re.split(r"\s+#", line)[0] for line in (*blocks(text), *inline))
    found = [line for line in lines if line.startswith(f"{program} ")]
    return list(dict.fromkeys(line for line in found if not _OPEN.search(line)))


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for line in commands(page, "bestiary"):
        name, *arguments = shlex.split(line)[1:]
        assert name in COMMANDS or name.startswith("-"), line
        if name not in COMMANDS:
            continue
        module = importlib.import_module(COMMANDS[name].module)
        assert parse(module.Flags, arguments, name) is not None or "--help" in arguments, line


def needing_nothing() -> list[str]:
    """Those that answer from what the package has: no study, no text, no training."""
    every = dict.fromkeys(line for page in PAGES for line in commands(page, "bestiary"))
    answers = r"bestiary (sizes|studies|optimizers|data mix study --tokens)\b"
    # A name to be put in, the example's own optimizer, and what starts devices for its answer.
    others = r"\bNAME\b|\badafactor\b|--devices"
    return [line for line in every if re.match(answers, line) and not re.search(others, line)]


@pytest.mark.slow
@pytest.mark.parametrize("line", needing_nothing())
def test_a_command_that_needs_nothing_answers(
    line: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(shlex.split(line)[1:]) == 0
    assert capsys.readouterr().out


def test_there_are_commands_to_test() -> None:
    found = {page.name: len(commands(page, "bestiary")) for page in PAGES}
    assert found["README.md"] > 5
    assert sum(found.values()) > 100


def test_every_target_is_in_the_makefile() -> None:
    targets = set(re.findall(r"^([\w-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    for page in PAGES:
        for line in commands(page, "make"):
            named = [word for word in line.split()[1:] if re.fullmatch(r"[\w-]+", word)]
            assert set(named[:1]) <= targets, f"{page.name}: {line}"


def test_every_module_that_is_run_exists() -> None:
    for page in PAGES:
        for line in commands(page, "python"):
            if found := re.match(r"python -m ((?:bestiary|benchmarks|tests)[\w.]*)", line):
                path = ROOT.joinpath(*found[1].split("."))
                inside = [ROOT / one / path.relative_to(ROOT) for one in ("", "src")]
                there = [one for one in inside if one.with_suffix(".py").is_file() or one.is_dir()]
                assert there, f"{page.name}: {line}"
