"""The commands that answer questions: from the published study, own studies and imports."""

import json
import shlex
from pathlib import Path

import pytest
from tests.synthetic import synthetic_results, synthetic_study

from bestiary.cli import main
from bestiary.store import StudyStore

TABLE = """\
opt,model,ratio,nats,lr
AdamW,16k,1,1.75,0.008
AdamW,16k,2,1.60,0.008
AdamW,16k,4,1.50,0.008
Muon,16k,1,1.68,0.016
Muon,16k,2,1.55,0.016
Muon,16k,4,1.46,0.016
AdamW,65k,1,1.60,0.008
AdamW,65k,2,1.45,0.008
AdamW,65k,4,1.36,0.008
Muon,65k,1,1.53,0.016
Muon,65k,2,1.41,0.016
Muon,65k,4,1.33,0.016
"""
MAPPING = """\
origin = {source = "theirs", url = "https://example.org"}
unit = {name = "nats_per_token"}
columns = {optimizer = "opt", size = "model", ratio = "ratio", loss = "nats"}
settings = {learning_rate = "lr"}
rename = {optimizer = {AdamW = "adamw", Muon = "muon"}}
"""


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with an own study, finished, and a table of somebody's results."""
    folder = tmp_path_factory.mktemp("answers")
    study = synthetic_study()
    planned, results = synthetic_results(study)
    with StudyStore.create(folder / "bestiary-synthetic", study) as store, store.driving():
        store.plan(planned)
        for identity, result in results.items():
            store.commit(result, store.begin_attempt(identity))
    (folder / "results.csv").write_text(TABLE)
    (folder / "mapping.toml").write_text(MAPPING)
    return folder


@pytest.fixture(autouse=True)
def inside(workplace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(workplace)


def printed(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert main(arguments) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return " ".join(captured.out.split())


def record(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict:
    assert main([*arguments, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert isinstance(found, dict)
    return found


@pytest.mark.slow
def test_a_claim_is_checked_against_the_published_study(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = printed(capsys, "check", "Muon is 2x faster than AdamW")
    assert "The results contradict the claim" in text
    assert "seeds" in text
    items = record(capsys, "check", "SOAP beats AdamW")["items"]
    assert items[0]["outcome"] == "passed"
    assert {item["outcome"] for item in items} == {"passed", "failed", "unknown"}


@pytest.mark.slow
def test_the_transcript_in_the_docs_is_what_is_printed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    page = (Path(__file__).parents[2] / "docs" / "answers.md").read_text()
    command, *lines = page.partition("    $ ")[2].partition("\n\n")[0].splitlines()
    assert command == 'bestiary check "Muon is 1.4x faster than AdamW"'
    text = printed(capsys, *shlex.split(command)[1:])
    assert text == " ".join(" ".join(lines).split())


@pytest.mark.slow
def test_an_own_study_answers_every_question(capsys: pytest.CaptureFixture[str]) -> None:
    folder = "bestiary-synthetic"
    assert record(capsys, "check", "Muon is faster", folder)["items"][-1]["outcome"] == "passed"
    rows = record(capsys, "power", folder, "--speedup", "1.2", "--sizes", "16k", "--ratios", "1,2")
    assert [(row["size"], row["ratio"]) for row in rows["rows"]] == [("16k", 1.0), ("16k", 2.0)]
    assert record(capsys, "compare", folder, folder)["facts"] == []
    advice = record(capsys, "advise", folder, "--params", "262144", "--tokens", "1e7")
    assert advice["options"][0]["optimizer"] == "muon"
    assert advice["options"][0]["step_time"]["note"].startswith("measured in these results")
    crossing = record(capsys, "crossover", "muon", "adamw", folder)
    assert {one["axis"] for one in crossing["crossings"]} >= {"size", "ratio"}
    assert len(crossing["midway"]) == 6


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["check", "Muon beats AdamW", "bestiary-synthetic"], "seeds"),
        (["power", "bestiary-synthetic"], "paired difference"),
        (["power", "bestiary-synthetic", "--speedup", "1.02"], "none do none do none do"),
        (["compare", "bestiary-synthetic", "bestiary-synthetic", "--all"], "Nothing differs"),
        (["compare", "fantastic2025", "fantastic2025-released"], "Only in the second: shampoo"),
        (["advise", "bestiary-synthetic", "--params", "2e5", "--tokens", "4e6"], "Extrapolation:"),
        (["crossover", "muon", "soap", "bestiary-synthetic"], "data soap needs"),
        (["crossover", "muon", "nadamw"], "muon ahead throughout"),
    ],
)
def test_answers_are_told_in_words(
    arguments: list[str], says: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert says in printed(capsys, *arguments)


@pytest.mark.slow
def test_advice_on_hours_and_settings(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["advise", "--params", "3e9", "--tokens", "2e11", "--optimizer", "muon"]
    text = printed(capsys, *command, "--device", "h200", "--count", "64")
    for part in (
        "on 64 h200: about 39 h",
        "most is learnt from",
        "Measured token speedup",
        "study's form",
        "learning_rate",
        "weight_decay",
    ):
        assert part in text


@pytest.mark.slow
def test_the_published_study_is_reproduced(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "reproduce", "--draws", "100")
    assert "Largest difference to the published speedups: 0.00496" in text
    assert "C22" in text
    claims = record(capsys, "reproduce", "fantastic2025", "--draws", "100")["claims"]
    assert len(claims) == 22


@pytest.mark.slow
def test_somebodys_results_are_imported_and_asked(capsys: pytest.CaptureFixture[str]) -> None:
    command = ["import", "results.csv", "--mapping", "mapping.toml"]
    first, again = record(capsys, *command), record(capsys, *command)
    assert (first["read"], first["added"], again["added"]) == (12, 12, 0)
    assert first["folder"] == "bestiary-theirs"
    assert "12 results read, kept already" in printed(capsys, *command)
    for name in ("bestiary-theirs", "bestiary-theirs:theirs"):
        report = record(capsys, "check", "Muon is faster than AdamW", name)
        assert report["source"] == "theirs (imported results)"
    assert record(capsys, "crossover", "muon", "adamw", "bestiary-theirs")["first"] == "muon"


SPEEDRUN = """\
opt,model,seconds,seed
adamw,124m,500,0
adamw,124m,510,1
adamw,124m,495,2
muon,124m,380,0
muon,124m,386,1
muon,124m,374,2
soap,124m,420,0
soap,124m,,1
soap,124m,430,2
"""
TO_TARGET = """\
origin = {source = "speedrun"}
unit = {name = "nats_per_token"}
columns = {optimizer = "opt", size = "model", seconds_to_target = "seconds", seed = "seed"}
"""


@pytest.mark.slow(1)
def test_what_runs_took_to_reach_a_loss_is_imported_and_asked(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "speedrun.csv").write_text(SPEEDRUN)
    (workplace / "target.toml").write_text(TO_TARGET)
    command = ["import", "speedrun.csv", "--mapping", "target.toml", "--out"]
    assert main([*command, "runs"]) == 2
    assert "--target-loss" in capsys.readouterr().err
    told = printed(capsys, *command, "runs", "--target-loss", "3.28")
    assert "soap at 124m: 1 of 3 runs never reached the target" in told
    told = printed(capsys, "report", "runs")
    assert "muon needs the fewest seconds to 3.28 nats per token: adamw needs 1.32" in told
    assert "Some runs of soap never got there: adamw needs at most" in told
    assert main(["import", "fantastic2025", ".", "--target-loss", "3"]) == 2
    assert "drop --target-loss" in capsys.readouterr().err
    found = json.loads(printed(capsys, "report", "runs", "--json"))
    assert [row["reached"] for row in found["rows"]] == [3, 3, 2]
    claim = "Muon is 1.3x faster than AdamW"
    checked = json.loads(printed(capsys, "check", claim, "runs", "--json"))
    assert checked["items"][0]["outcome"] == "passed"
    assert checked["claim"]["quantity"] == "time"
    same = json.loads(printed(capsys, "compare", "runs", "runs", "--json"))
    assert {one["amounts"] for one in same["cells"]} == {"within noise", "not known"}
    for refused in (["laws", "runs"], ["compare", "runs", "fantastic2025"]):
        assert main(refused) == 2
        assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.slow
def test_imports_may_stand_beside_an_own_study(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["import", "results.csv", "--mapping", "mapping.toml"]
    record(capsys, *command, "--out", "bestiary-synthetic")
    own = record(capsys, "check", "Muon is faster", "bestiary-synthetic")
    theirs = record(capsys, "check", "Muon is faster", "bestiary-synthetic:theirs")
    assert own["source"] == "synthetic (own study)"
    assert theirs["source"] == "theirs (imported results)"


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["check"], "state the claim in quotes"),
        (["check", "Muno beats AdamW"], "did you mean 'muon'?"),
        (["check", "Muon beats AdamW", "fantastic2026"], "did you mean 'fantastic2025'?"),
        (["check", "Muon beats AdamW", "some/folder"], "holds no results"),
        (["check", "Muon beats AdamW", "bestiary-synthetic:hers"], "unknown source in"),
        (["power", "--speedup", "1"], "--speedup must be float > 1.0"),
        (["power", "--sizes", "1.3b"], "did you mean '1.2b'?"),
        (["power", "--ratios", "1,two"], "--ratios takes numbers"),
        (["compare", "fantastic2025"], "name two studies"),
        (["advise", "--params", "3e9"], "--params 3e9 --tokens 2e11"),
        (["advise", "--params", "3e9", "--tokens", "2e11", "--device", "h20"], "did you mean"),
        (["advise", "--params", "1", "--tokens", "1", "--optimizer", "moun"], "'muon'"),
        (["crossover", "muon"], "name two optimizers"),
        (["crossover", "muon", "muon"], "two different optimizers"),
        (["crossover", "muon", "sop", "bestiary-synthetic"], "did you mean 'soap'?"),
        (["reproduce", "fantastic2026"], "did you mean 'fantastic2025'?"),
        (["reproduce", "--draws", "5"], "--draws must be int >= 100"),
        (["import"], "name what to import"),
        (["import", "results.csv"], "columns are never guessed"),
        (["import", "fantastic2025"], "name the folder of its files"),
        (["import", "no.csv", "--mapping", "mapping.toml"], "no.csv"),
        (
            ["import", "results.csv", "--mapping", "no.toml"],
            "cannot read the mapping no.toml: No such file",
        ),
    ],
)
def test_a_mistake_gets_one_line_and_changes_nothing(
    arguments: list[str], cure: str, workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(workplace.iterdir())
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("bestiary: error: ")
    assert cure in line
    assert sorted(workplace.iterdir()) == before


def test_contradictory_rows_import_nothing(
    workplace: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (workplace / "twice.csv").write_text(TABLE + "Muon,65k,4,1.30,0.016\n")
    assert main(["import", "twice.csv", "--mapping", "mapping.toml", "--out", "new"]) == 2
    assert "twice.csv row 14 contradicts row 13" in capsys.readouterr().err
    assert not (workplace / "new").exists()
