"""What a command says of its text."""

import json
from pathlib import Path

import pytest

from bestiary.cli import main
from bestiary.cli._corpora import prepared


def test_what_was_read_is_said_once(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    prepared([str(text)])
    said = capsys.readouterr()
    assert said.out == ""
    size = (text / "book.txt").stat().st_size
    assert f"documents, {size:,} bytes" in said.err
    assert "passed over in book: 1 of kind .md, such as notes.md" in said.err
    assert "train: " in said.err
    prepared([str(text)])
    assert capsys.readouterr() == ("", "")


def answered(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert main(["data", *arguments]) == code
    captured = capsys.readouterr()
    return captured.out + captured.err


def test_what_is_prepared_is_listed_inspected_and_verified(
    text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(answered(capsys, "--json"))
    assert found == []
    said = answered(capsys, "prepare", "--data", str(text))
    assert "passed over in book: 1 of kind .md" in said
    (row,) = json.loads(answered(capsys, "list", "--json"))
    assert row["name"] == "book"
    assert row["sha256"] in said
    assert row["verified"] != "never"
    assert row["digest"] in answered(capsys)
    for name in (row["digest"], "book"):
        assert "passed over in book: 1 of kind .md" in answered(capsys, "inspect", name)
        assert "training text begins: " in answered(capsys, "inspect", name)
        about = json.loads(answered(capsys, "inspect", name, "--json"))["inside"]
        assert about["splits"]["report"]["trained_on"] == 0
        assert f"{row['digest']} intact" in answered(capsys, "verify", name)
    assert json.loads(answered(capsys, "verify", "--json")) == [
        {"digest": row["sha256"], "damage": ""}
    ]


def test_damage_is_named_and_is_a_failure(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder = prepared([str(text)]).folder
    path = folder / "report-00000.bin"
    data = bytearray(path.read_bytes())
    data[1024] ^= 1
    path.write_bytes(data)
    said = answered(capsys, "verify", code=1)
    assert str(path) in said
    assert "1 of 1 corpora are damaged" in said
    (folder / "manifest.json").write_text("{")
    assert "is not JSON" in answered(capsys, "list", "--json")
    assert "is not JSON" in answered(capsys, "verify", code=1)


def test_unfinished_folders_are_listed(text: Path, capsys: pytest.CaptureFixture[str]) -> None:
    left = prepared([str(text)]).folder.parent / ".prepare-elsewhere.01234567.1.1.abcd"
    left.mkdir()
    assert f"{left}; somebody may be writing there" in answered(capsys)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["prepair"], "did you mean 'prepare'"),
        (["list", "book"], "takes no corpus"),
        (["inspect"], "name the corpus"),
        (["inspect", "0000"], "unknown corpus '0000'"),
        (["verify", "boook"], "unknown corpus 'boook'"),
        (["inspect", "x" * 5000], "unknown corpus 'xxx"),
        (["x" * 5000], "unknown action 'xxx"),
        (["prepare", "--data", "nowhere"], "no such file or folder"),
        (["prepare", "--data", ""], "a source is a path, or 'stdlib'"),
        (["prepare", "--data", "x" * 5000], "File name too long"),
        (["prepare", "--data", "a\0b"], "a text must have no NUL character"),
        (["prepare", "--vocabulary", "-1"], "--vocabulary must be int >= 0"),
        (["prepare", "--vocabulary", "99999999999"], "--vocabulary must be int <"),
        (["prepare", "--vocabulary", "200"], "256 or more"),
        (["prepare", "--tokenizer", "gpt2"], "is 'byte' or the path"),
    ],
)
def test_a_mistake_is_one_line(
    text: Path, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    said = answered(capsys, *arguments, code=2)
    assert message in said
    assert said.count("\n") == 1
    assert len(said) < 300
    assert not (text.parent / "cache").exists()


@pytest.mark.parametrize("action", ["list", "prepare"])
def test_an_impossible_cache_is_one_line(
    text: Path, action: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("BESTIARY_CACHE", str(text / ("x" * 5000)))
    said = answered(capsys, action, *(["--data", str(text)] if action == "prepare" else []), code=2)
    assert "File name too long" in said
    assert said.count("\n") == 1
    assert len(said) < 300


def test_a_mixture_says_what_it_would_fetch(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(answered(capsys, "mix", "study", "--tokens", "1B", "--json"))
    assert {row["component"]: row["tokens"] and round(row["tokens"] / 1e6) for row in rows} == {
        "dclm-baseline": 926,
        "starcoderdata": 61,
        "proofpile-2": 13,
        "c4-en": None,
    }
    assert [row["for"] for row in rows] == ["training"] * 3 + ["validation"]
    assert "nothing was fetched" in answered(capsys, "mix", "study")


def test_a_mixture_is_prepared_from_its_components(
    text: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [f"{name}={text}" for name in ("dclm-baseline", "starcoderdata", "proofpile-2")]
    said = answered(capsys, "mix", "study", *(part for one in paths for part in ("--data", one)))
    assert said.count("read book: ") >= 3
    other = text.parent / "c4"
    other.mkdir()
    (other / "val.txt").write_text("".join(f"{n} other words\n\n" for n in range(3000)))
    paths.append(f"c4-en={other}")
    said = answered(capsys, "mix", "study", *(part for one in paths for part in ("--data", one)))
    assert "read val: 1 file" in said
    assert "unknown mixture 'dclm'" in answered(capsys, "mix", "dclm", code=2)
    assert "COMPONENT=PATH" in answered(capsys, "mix", "study", "--data", "here", code=2)
    assert "name the data set" in answered(capsys, "fetch", code=2)
