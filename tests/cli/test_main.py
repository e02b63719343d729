import json
import subprocess
import sys
from pathlib import Path

import pytest

from bestiary.cli import _main, main
from bestiary.cli._commands import COMMANDS

HEAVY = ("jax", "numpy", "tyro", "rich", "plotly", "msgspec", "jinja2")


@pytest.fixture(autouse=True)
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to work in, which most tests expect to stay empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("BESTIARY_CACHE", str(tmp_path / ".." / "cache"))
    return tmp_path


def mistake(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line that a mistake gets."""
    assert main(arguments) == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    (line,) = captured.err.splitlines()
    assert line.startswith("bestiary: error: ")
    assert not list(Path().iterdir()), "a mistake creates nothing"
    return line


def test_help_names_every_command_and_imports_nothing_heavy() -> None:
    code = (
        "import sys; from bestiary.cli import main; main(['--help']);"
        f"heavy = [name for name in {HEAVY!r} if name in sys.modules];"
        "print(heavy, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr.strip() == "[]"
    assert all(name in done.stdout for name in COMMANDS)


@pytest.mark.slow
def test_help_of_a_command_waits_for_no_computing_library() -> None:
    modules = [command.module for command in COMMANDS.values()]
    code = (
        f"import importlib, sys; [importlib.import_module(name) for name in {modules!r}];"
        "print([name for name in ('jax', 'scipy', 'plotly') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_explains_each_option(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([name, "--help"]) == 0
    text = capsys.readouterr().out
    assert COMMANDS[name].summary in " ".join(text.split())


@pytest.mark.parametrize(
    ("arguments", "cure"),
    [
        (["runn"], "did you mean 'run'?"),
        (["sizes", "--jsn"], "did you mean '--json'?"),
        (["sizes", "surplus"], "unexpected argument 'surplus'"),
        (["train", "--steps"], "Missing value for argument '--steps'"),
        (["train", "--steps", "many"], "--steps"),
        (["train", "--steps", "-3"], "--steps must be int >= 0, got -3"),
        (["train", "--ratio", "nan"], "finite"),
        (["train", "--ratio", "0"], "--ratio must be float > 0.0, got 0.0"),
        (["train", "--batch-size", "0"], "--batch-size must be int >= 1, got 0"),
        (["train", "--shape.layers", "-1"], "--shape.layers must be int >= 0"),
        (["train", "--shape.hidden", "63"], "even head width"),
        (["train", "--schedule", "cosin"], "invalid choice 'cosin'"),
        (["advise", "--config", "foo"], "Expected one of ('none', 'torchtitan', 'megatron', 'hf'"),
        (["train", "--size", "66k"], "did you mean '65k'?"),
        (["train", "--optimizer", "adamv"], "did you mean 'adamw'?"),
        (["train", "--set", "learning_rat=1"], "did you mean 'learning_rate'?"),
        (["train", "--set", "learning_rate=-1"], "must be float > 0.0, got -1"),
        (["train", "--set", "learning_rate=inf"], "finite"),
        (["train", "--set", "learning_rate"], "write --set learning_rate=0.01"),
        (["train", "--data", "missing.txt"], "missing.txt"),
        (["train", "--config", "missing.toml"], "cannot read --config missing.toml"),
        (["run"], "name a study: "),
        (["run", "quickstat"], "did you mean 'quickstart'?"),
        (["run", "quickstart", "--workers", "-1"], "--workers must be int >= 0"),
        (["run", "smoke", "--devices", "0"], "--devices must be int >= 1"),
        (["run", "smoke", "--devices", "2", "--population", "4"], "one of --devices and"),
        (["run", "smoke", "--devices", "2", "--on", "pilots"], "is not of --on pilots"),
        (["run", "smoke", "--devices", "2", "--on", "slurm"], "needs --workers, the number"),
        (
            ["run", "smoke", "--devices", "4", "--on", "ray", "--ray.gpus", "2"],
            "got --ray.gpus 2 for --devices 4; give the same number",
        ),
        (["run", "missing.py:build"], "no file missing.py"),
        (["plan", "papers"], "did you mean 'paper'?"),
        (["--bogus"], "options follow a command, got '--bogus' first"),
        (["help", "trian"], "did you mean 'train'?"),
        (["power", "--results", "x"], "RESULTS is no option: write it without --results"),
        (["status"], "no study here"),
        (["report", "missing"], "holds no study"),
        (["optimizers", "shw"], "did you mean 'show'?"),
        (["optimizers", "show"], "optimizers show NAME"),
        (["optimizers", "show", "moun"], "did you mean 'muon'?"),
        (["export"], "needs two folders"),
        (["export", "missing", "out"], "no folder missing"),
        (["evaluate"], "needs a folder that `bestiary train` wrote"),
        (["evaluate", "."], "has no scores yet; name tasks: --tasks study"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_gets_one_line_with_its_cure(
    arguments: list[str], cure: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cure in mistake(capsys, *arguments)


@pytest.mark.parametrize("name", ["sizes", "studies", "optimizers"])
def test_every_listing_is_also_json(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([name]) == 0
    table = capsys.readouterr().out
    assert main([name, "--json"]) == 0
    records = json.loads(capsys.readouterr().out)
    assert len(records) >= 2
    assert all(record["name"] in table for record in records)


def test_an_optimizer_in_full_states_every_hyperparameter(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["optimizers", "show", "muon", "--json"]) == 0
    shown = json.loads(capsys.readouterr().out)
    by_name = {field["name"]: field for field in shown["hyperparameters"]}
    assert by_name["learning_rate"]["range"] == "0 < x"
    assert by_name["learning_rate"]["kind"] == "traced"
    assert by_name["momentum"]["range"] == "0 <= x < 1"
    assert all(field["meaning"] for field in by_name.values())


def test_a_failure_that_nobody_foresaw_is_one_line_and_keeps_its_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(*arguments: object) -> None:
        raise ZeroDivisionError("an accident\nwith a second line")

    monkeypatch.setattr("bestiary.cli._sizes.show", lambda *_, **__: broken())
    assert main(["sizes"]) == 1
    (line,) = capsys.readouterr().err.splitlines()
    assert "ZeroDivisionError: an accident (full traceback: " in line
    kept = Path(line.rpartition("full traceback: ")[2].rstrip(")"))
    assert "in broken" in kept.read_text()
    kept.unlink()


def test_ctrl_c_is_no_traceback(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("bestiary.cli._sizes.show", interrupted)
    assert main(["sizes"]) == 130
    assert capsys.readouterr().err == "bestiary: interrupted\n"


@pytest.mark.slow
def test_a_reader_that_goes_away_is_no_failure() -> None:
    command = (
        f"{sys.executable} -m bestiary.cli optimizers --json | head -c 1; exit ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


def test_help_names_what_the_docs_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["help", "export"]) == 0
    assert "[-h] RUN OUT" in capsys.readouterr().out
    assert main(["train", "--help"]) == 0
    said = " ".join(capsys.readouterr().out.replace("│", " ").split())
    assert "by default one named for the run. (derived)" in said
    assert "--warmup FLOAT Share" in said
    assert "(default: '')" not in said
    assert "None" not in said


def test_a_shell_in_a_removed_folder_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    (tmp_path / "gone").rmdir()
    monkeypatch.setattr(_main, "_dispatch", lambda _: Path("a").resolve())
    assert main(["train"]) == 2
    assert capsys.readouterr().err == (
        "bestiary: error: the folder that this shell is in was removed; change to another\n"
    )
