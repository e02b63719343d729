"""A study as a TOML file: the same as one in Python, and every mistake named."""

import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.cli import main
from bestiary.errors import UserError
from bestiary.specs import SIZES, Cell, DataSpec, Phases, Study, Tuning, checked
from bestiary.studies import candidate, study_file

DATA = DataSpec(name="text", digest="0" * 64)
TEXT = """
question = "Does Lion keep up?"
sizes = ["8k", "33k"]
ratios = [1, 2]
batch_size = 16
seeds = [1, 2]

[tuning]
cells = ["8k 1x", "8k 2x"]
runs_per_cell = 8

[phases]
protocol = "study"
followed = ["33k 1x"]
predicted = ["33k 2x"]

[candidates.adamw]
grid = { learning_rate = [0.008, 0.016] }

[candidates.lion]
changes = { learning_rate = 0.001, warmup_fraction = 0.1 }
without = ["batch_size", "warmup_steps"]
grid = { learning_rate = [0.0005, 0.001] }
"""


def read(folder: Path, text: str) -> Study:
    path = folder / "keeps-up.toml"
    path.write_text(text)
    return study_file(path)(DATA)


def test_a_file_is_the_study_that_python_would_build(tmp_path: Path) -> None:
    assert read(tmp_path, TEXT) == checked(
        Study(
            name="keeps-up",
            question="Does Lion keep up?",
            candidates=(
                candidate("adamw", grid={"learning_rate": (0.008, 0.016)}),
                candidate(
                    "lion",
                    changes={"learning_rate": 0.001, "warmup_fraction": 0.1},
                    without=("batch_size", "warmup_steps"),
                    grid={"learning_rate": (0.0005, 0.001)},
                ),
            ),
            sizes={name: SIZES[name] for name in ("8k", "33k")},
            ratios=(1.0, 2.0),
            data=DATA,
            batch_size=16,
            seeds=(1, 2),
            tuning=Tuning(
                cells=(Cell(size="8k", ratio=1.0), Cell(size="8k", ratio=2.0)), runs_per_cell=8
            ),
            phases=Phases(
                protocol="study",
                followed=(Cell(size="33k", ratio=1.0),),
                predicted=(Cell(size="33k", ratio=2.0),),
            ),
        )
    )


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ("batch_size = 16", "batchsize = 16", "did you mean 'batch_size'"),
        ("runs_per_cell", "runs_a_cell", "did you mean 'runs_per_cell'"),
        ("followed =", "folowed =", "did you mean 'followed'"),
        ('"33k"]', '"33m"]', "'33k'"),
        ("[candidates.lion]", "[candidates.lyon]", "did you mean 'lion'"),
        ("without =", "wihtout =", "did you mean 'without'"),
        ('"8k 1x"', '"8k"', "a cell is written as '65k 2x'"),
        ("[0.0005, 0.001]", "[-1.0]", "lion learning_rate must be"),
        ("seeds = [1, 2]", "seeds = [0]", "report seeds must be fresh"),
        ("seeds = [1, 2]", "seeds = [", "is not TOML"),
        ("[tuning]\n", "tuning = 3\n[more]\n", "did you mean|must have a table"),
        ("batch_size = 16\n", "", "missing required field `batch_size`"),
    ],
)
def test_every_mistake_is_one_line(tmp_path: Path, wrong: str, right: str, message: str) -> None:
    assert wrong in TEXT
    with pytest.raises(UserError, match=message) as error:
        read(tmp_path, TEXT.replace(wrong, right))
    assert "\n" not in str(error.value)


STRANGE = (
    *("1e400", "nan", "-1", "0", "true", "'x'", "[]", "{}", "''", "1979-05-27", "9" * 400),
    *("[" * 50 + "]" * 50, '"\\u0000"', "[nan]", "{a = {b = {}}}", '"../../etc"'),
)
PIECES = re.findall(r"= (.+)", TEXT)


@st.composite
def mutated(draw: st.DrawFn) -> str:
    """The text with a value exchanged, a letter lost, or a line twice or not at all."""
    lines = TEXT.strip().splitlines()
    at = draw(st.integers(0, len(lines) - 1))
    kind = draw(st.sampled_from(["value", "letter", "twice", "gone"]))
    name, equals, _ = lines[at].partition("=")
    if kind == "value" and equals:
        lines[at] = f"{name}= {draw(st.sampled_from([*STRANGE, *PIECES]))}"
    elif kind == "letter" and lines[at]:
        place = draw(st.integers(0, len(lines[at]) - 1))
        lines[at] = lines[at][:place] + lines[at][place + 1 :]
    else:
        lines[at : at + 1] = [lines[at]] * (2 if kind == "twice" else 0)
    return "\n".join(lines)


@pytest.mark.slow
@settings(max_examples=150, deadline=None)
@given(text=mutated())
def test_whatever_is_wrong_with_a_file_it_is_a_study_or_one_line(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    folder = tmp_path_factory.getbasetemp()
    said = ""
    try:
        study = read(folder, text)
    except UserError as error:
        said = str(error)
    assert said or isinstance(study, Study)
    assert "\n" not in said
    assert len(said) < 1000


@pytest.mark.parametrize("wrong", ["seeds = [1]\nseeds = [2]", "batch_size = 1e400", "x = [[[["])
def test_a_wrong_file_ends_a_run_with_one_line_and_nothing_made(
    tmp_path: Path, wrong: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "mine.toml"
    path.write_text(wrong + TEXT.replace("batch_size = 16", ""))
    assert main(["run", str(path), "--out", str(tmp_path / "made")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "mine.toml" in line
    assert [one.name for one in tmp_path.iterdir()] == ["mine.toml"]


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot read the study"):
        study_file(tmp_path / "none.toml")
