"""The whole ladder, as a user walks it: real text, real training, real workers, a real page."""

import json
import random
import re
import subprocess
import sys
from pathlib import Path

import pytest

from bestiary.cli import main

STUDY = f"{Path(__file__).parent / 'tiny_study.py'}:tiny"
PHASES = str(Path(__file__).parent / "tiny_phases.toml")
WORDS = ("alpha", "beta", "gamma", "delta", "the", "of", "and", "to", "in", "is")


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a small text in it."""
    folder = tmp_path_factory.mktemp("workplace")
    draw = random.Random(0)
    paragraphs = (" ".join(draw.choices(WORDS, k=40)) for _ in range(300))
    (folder / "words.txt").write_text("\n\n".join(paragraphs))
    return folder


@pytest.fixture(autouse=True)
def inside(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)
    monkeypatch.setenv("BESTIARY_CACHE", str(workplace / "cache"))


@pytest.mark.slow
def test_a_study_is_tuned_trained_answered_goes_on_where_it_was_and_is_kept(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", STUDY, "--data", "words.txt", "--workers", "1"]
    assert main(command) == 0
    first = capsys.readouterr().out
    assert "12 of at most 12 runs" in first
    assert re.search(r"AdamW\s+\d\.\d{4} ± \d\.\d{4}\s+baseline", first)
    assert "report bestiary-tiny/report.html" in first
    assert "Does Lion beat AdamW" in (workplace / "bestiary-tiny/report.html").read_text()

    assert main([*command, "--json"]) == 0
    again = capsys.readouterr()
    analysis = json.loads(again.out)
    assert analysis["finished"] == analysis["planned"] == 12
    assert "training" not in again.err, "nothing is trained twice"

    assert main(["status", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert (status["done"], status["at_most"], status["running"]) == (12, 12, [])

    assert main(["report", "bestiary-tiny", "--out", "other.html"]) == 0
    assert (workplace / "other.html").exists()

    before = (workplace / "bestiary-tiny/study.sqlite").read_bytes()
    (workplace / "other.txt").write_text((workplace / "words.txt").read_text()[::-1])
    assert main(["run", STUDY, "--data", "other.txt"]) == 2
    assert "another study" in capsys.readouterr().err
    assert (workplace / "bestiary-tiny/study.sqlite").read_bytes() == before


@pytest.mark.slow
def test_a_study_file_goes_through_its_three_phases(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["run", PHASES, "--data", "words.txt", "--workers", "1", "--out", "phases"]
    assert main(command) == 0
    capsys.readouterr()
    assert main(["status", "phases", "--json"]) == 0
    status = json.loads(capsys.readouterr().out)
    assert status["done"] == status["at_most"]
    assert {one["purpose"] for one in status["cells"]} == {"tune", "follow", "confirm", "report"}
    assert {one["optimizer"] for one in status["phases"]} == {"adamw"}
    assert main(["status", "phases"]) == 0
    text = capsys.readouterr().out
    assert "phase I taught" in text
    assert "phase III predicts" in text
    page = (workplace / "phases/report.html").read_text()
    assert "Depends on scale: learning_rate of AdamW." in page
    assert main(["plan", PHASES, "--speed", "1e9", "--json"]) == 0
    plan = json.loads(capsys.readouterr().out)["all"]
    assert (plan["tune"], plan["follow"], plan["confirm"], plan["report_runs"]) == (2, 2, 1, 3)


@pytest.mark.slow
def test_a_run_from_the_command_line_is_the_same_every_time(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    shape = ["--size", "16k", "--shape.layers", "1", "--shape.context", "16", "--steps", "12"]
    command = ["train", *shape, "--data", "words.txt", "--json", "--optimizer", "lion"]
    losses = []
    for folder in ("a", "b", "a"):
        assert main([*command, "--set", "learning_rate=0.003", "--out", folder]) == 0
        losses.append(json.loads(capsys.readouterr().out)["result"]["loss"])
    assert losses[0] == losses[1] == losses[2]
    assert set(losses[0]) == {"selection", "report"}

    assert main([*command, "--out", "a"]) == 2
    assert "holds another run" in capsys.readouterr().err

    assert main(["export", "a", "exported"]) == 0
    assert (workplace / "exported" / "model.safetensors").exists()
    exported = json.loads((workplace / "exported" / "tokenizer.json").read_text())
    assert exported["model"]["vocab"]["a"] == ord("a")
    assert (workplace / "exported" / "tokenizer_config.json").exists()


@pytest.mark.slow
def test_a_mixture_is_stated_in_full_on_the_command_line(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = (workplace / "words.txt").read_text().split("\n\n")
    rows = "".join(json.dumps({"id": index, "body": row}) + "\n" for index, row in enumerate(text))
    (workplace / "rows.jsonl").write_text(rows)
    shape = ["--size", "16k", "--shape.layers", "1", "--shape.context", "16", "--steps", "2"]
    command = ["train", *shape, "--out", "mixed", "--json", "--data"]
    assert main([*command, "rows.jsonl"]) == 2
    assert "has id, body; say which it is, as in PATH,field=NAME" in capsys.readouterr().err
    assert main([*command, "rows.jsonl,field=body,weight=3", "--data", "words.txt"]) == 0
    run = json.loads((workplace / "mixed" / "run.json").read_text())
    assert run["data"]["name"] == "rows+words"


def test_text_that_is_too_short_is_refused_before_anything_is_made(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "short.txt").write_text("a few words\n\nand a few more\n\nand the end\n")
    assert main(["run", STUDY, "--data", "short.txt", "--out", "short"]) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert not (workplace / "short").exists()


def test_the_command_is_installed() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "bestiary.cli", "--version"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert re.fullmatch(r"bestiary \d+\.\d+\.\d+\n", done.stdout)
