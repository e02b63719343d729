"""Absurd values: one line, exit code 2, within seconds, and nothing made."""

from pathlib import Path

import msgspec
import pytest
from tests.cli.tiny_study import tiny

from bestiary.cli import main
from bestiary.errors import UserError
from bestiary.launch import check_memory
from bestiary.specs import SIZES, DataSpec, Study, checked, least_bytes

LONG = "x" * 5000
ABSURD = [
    ["--ratio", "1e308"],
    ["--ratio", "nan"],
    ["--ratio", "-inf"],
    ["--steps", str(10**15)],
    ["--steps", str(10**30)],
    ["--batch-size", "99999999999"],
    ["--batch-size", str(2**31 - 1)],
    ["--accumulation", str(10**12)],
    ["--seed", str(2**63)],
    ["--seed", "-1"],
    ["--set", "learning_rate=1e308"],
    ["--set", "learning_rate=nan"],
    ["--set", f"learning_rate={LONG}"],
    ["--size", LONG],
    ["--optimizer", LONG],
    [f"--{LONG}"],
    ["--data", LONG],
    ["--data", "a\0b"],
    ["--config", LONG],
    ["--config", "deep.toml"],
    ["--shape.hidden", str(2**40)],
    ["--shape.layers", "2000000"],
    ["--shape.context", str(2**30)],
    ["--shape.vocabulary", str(2**31 - 1)],
    ["--tokenizer", LONG],
    ["--out", LONG],
]


@pytest.mark.parametrize("flags", ABSURD, ids=lambda flags: " ".join(flags)[:40])
def test_an_absurd_training_is_refused_in_one_line(
    flags: list[str],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / "cache"))
    (tmp_path / "words.txt").write_text("".join(f"{n} some words\n\n" for n in range(2000)))
    (tmp_path / "deep.toml").write_text("steps = " + "[" * 100_000)
    given = flags if "--data" in flags else ["--data", "words.txt", *flags]
    assert main(["train", "--json", *given]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    (line,) = said.err.splitlines()
    assert len(line) < 600
    made = {path.name for path in tmp_path.iterdir()} - {"cache"}
    assert made == {"words.txt", "deep.toml"}


def question() -> Study:
    return tiny(DataSpec(name="none", digest="0" * 64))


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"ratios": (1e308,)}, "<= 1000000.0"),
        ({"seeds": (2**63,)}, "Study: "),
        ({"batch_size": 10**12}, "<= 2147483647"),
    ],
)
def test_an_absurd_study_is_refused(change: dict[str, object], rule: str) -> None:
    with pytest.raises(UserError, match="Study: ") as raised:
        checked(msgspec.structs.replace(question(), **change))
    assert rule in str(raised.value)


def test_a_study_that_cannot_fit_is_refused_before_its_first_run() -> None:
    check_memory(question(), 2)
    huge = msgspec.structs.replace(SIZES["1.2b"], layers=10**5)
    large = msgspec.structs.replace(question(), sizes={"huge": huge})
    with pytest.raises(UserError, match=r"huge takes at least [\d,.]+ GB of memory a run"):
        check_memory(large, 1)
    assert least_bytes(SIZES["130m"], 128) > 12 * SIZES["130m"].parameters


@pytest.mark.parametrize(
    "arguments",
    [
        ["plan", "quickstart", "--speed", "1e308"],
        ["plan", "quickstart", "--count", str(10**14), "--speed", "1e9"],
        ["plan", "quickstart", "--price", "1e308", "--speed", "1e9"],
        ["advise", "--params", "1e308", "--tokens", "2e9"],
        ["advise", "--params", "1e8", "--tokens", "1e308"],
        ["reproduce", "--draws", str(10**12)],
    ],
    ids=lambda arguments: " ".join(arguments)[:40],
)
def test_an_absurd_question_is_refused_with_its_range(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert " must be " in line
    assert "<=" in line
