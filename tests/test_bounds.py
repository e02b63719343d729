"""Every number that a user can give has two ends, and what is absurd is refused in one line."""

import importlib
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import inspect

from bestiary.cli._commands import COMMANDS
from bestiary.cli._flags import parse
from bestiary.data import Source
from bestiary.errors import UserError, shortened
from bestiary.optimizers import CATALOGUE, resolve
from bestiary.specs import DataSpec, RayOptions, RunSpec, SlurmOptions, Study
from bestiary.studies import study_file
from bestiary.tune import Caps, plan

FLAGS = {name: importlib.import_module(one.module).Flags for name, one in COMMANDS.items()}
INPUTS = {**FLAGS, **{one.__name__: one for one in (RunSpec, Study, SlurmOptions, RayOptions)}}
INPUTS |= {one.__name__: one for one in (Source, Caps)}
# What a hyperparameter and what one of its ranges can be is held by `resolve`, below.
ELSEWHERE = {"settings", "start", "grid", "grids", "ranges"}


def numbers(kind: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    """Every number in a type, with where it stands."""
    if isinstance(kind, inspect.IntType | inspect.FloatType):
        yield path, kind
    elif isinstance(kind, inspect.StructType):
        for field in kind.fields:
            if field.name not in ELSEWHERE:
                yield from numbers(field.type, f"{path}.{field.name}")
    elif isinstance(kind, inspect.UnionType):
        for one in kind.types:
            yield from numbers(one, path)
    elif isinstance(kind, inspect.CollectionType | inspect.VarTupleType):
        yield from numbers(kind.item_type, f"{path}[]")
    elif isinstance(kind, inspect.TupleType):
        for one in kind.item_types:
            yield from numbers(one, f"{path}[]")
    elif isinstance(kind, inspect.DictType):
        yield from numbers(kind.value_type, f"{path}{{}}")


@pytest.mark.parametrize("name", INPUTS)
def test_every_number_has_two_ends(name: str) -> None:
    for path, kind in numbers(inspect.type_info(INPUTS[name])):
        assert kind.ge is not None or kind.gt is not None, f"{name}{path} has no least"
        assert kind.le is not None or kind.lt is not None, f"{name}{path} has no greatest"


@pytest.mark.parametrize("name", CATALOGUE)
def test_a_hyperparameter_that_cannot_be_computed_with_is_refused(name: str) -> None:
    entry = CATALOGUE[name]
    for field, value in entry.defaults.items():
        if isinstance(value, bool | str):
            continue
        absurd = [2**63, 10**15] if isinstance(value, int) else [1e308, -1e308, 1e-308, 1e39]
        for one in (*absurd, float("nan"), float("inf")):
            with pytest.raises(UserError) as raised:
                resolve(name, {field: one})
            assert len(str(raised.value)) < 200


@pytest.mark.parametrize("name", [n for n in CATALOGUE if "iterations" in CATALOGUE[n].fields])
def test_iterations_that_would_compile_for_ever_are_refused(name: str) -> None:
    with pytest.raises(UserError, match=r"iterations must be int <= 100, got 100000000"):
        resolve(name, {"iterations": 100_000_000})
    assert resolve(name, {"iterations": 100}).settings["iterations"] == 100


TEXT = """
question = "Does it go through three phases?"
ratios = [0.05, 0.1, 0.15]
batch_size = 4
seeds = [1]
evaluations = 1
evaluation_sequences = 8
compute_dtype = "float32"
tokenizer = ""
baseline = "adamw"
name = "three"

[sizes.tiny]
layers = 1
hidden = 16
intermediate = 32
heads = 1
key_value_heads = 1
context = 16
vocabulary = 256
rope_theta = 10000.0
norm_epsilon = 1e-5

[tuning]
cells = ["tiny 0.05x"]
runs_per_cell = 2
minimum_gain = 0.003
seed = 0

[phases]
protocol = "study"
followed = ["tiny 0.1x"]
followed_runs = 2
confirming_runs = 2
predicted = ["tiny 0.15x"]
near = 0.0064
more_seeds = []

[candidates.adamw]
changes = { learning_rate = 0.004, warmup_fraction = 0.1 }
without = ["batch_size", "warmup_steps"]
grid = { learning_rate = [0.004, 0.016], weight_decay = [0.1], warmup_fraction = [0.1] }
schedule = "wsd"
"""
STATED = [line for line in TEXT.splitlines() if " = " in line]
VALUES = {
    "nothing": '""',
    "zero": "0",
    "minus one": "-1",
    "huge": "1e308",
    "minus huge": "-1e308",
    "tiny": "1e-308",
    "nan": "nan",
    "infinite": "inf",
    "beyond 64 bits": str(2**63),
    "beyond all bits": str(10**40),
    "10**15": str(10**15),
    "beyond a float": "1" + "0" * 400,
    "digits": "9" * 5000,
    "NUL": r'"a\u0000b"',
    "letters": f'"{"x" * 5000}"',
    "words": f'"{"many words " * 500}"',
    "unicode": '"漢字\u202e\u0301"',
    "escape": r'"\u001b[31m"',
    "nested": "[" * 90 + "]" * 90,
    "list": "[[]]",
    "many": f"[{', '.join(map(str, range(1000)))}]",
    "table": "{ a = { b = 1 } }",
    "true": "true",
    "date": "1979-05-27",
}


def put(line: str, value: str) -> str:
    """The line with another value; inside a table or a list in turn."""
    name, _, stated = line.partition(" = ")
    return TEXT.replace(line, f"{name} = {value}") if stated else TEXT


def inner(line: str, value: str) -> Iterator[str]:
    """The same for what stands in a table or a list of the line."""
    yield put(line, value)
    stated = line.partition(" = ")[2]
    if stated.startswith("["):
        yield put(line, f"[{value}]")
    if stated.startswith("{"):
        for part in ("learning_rate", "warmup_fraction", "weight_decay", "schedule"):
            yield put(line, f"{{ {part} = {value} }}")
            yield put(line, f"{{ {part} = [{value}] }}")


@pytest.mark.parametrize("what", VALUES)
def test_an_absurd_study_file_is_planned_or_refused_in_one_short_line(
    what: str, tmp_path: Path
) -> None:
    path = tmp_path / "study.toml"
    for line in STATED:
        for text in inner(line, VALUES[what]):
            path.write_text(text)
            begun = time.monotonic()
            try:
                plan(study_file(path)(DataSpec(name="none", digest="0" * 64)), {})
            except UserError as error:
                said = shortened(str(error))
                assert "\n" not in said, (line, said)
                assert len(said) < 600, (line, said)
            assert time.monotonic() - begun < 60, line
    assert [one.name for one in tmp_path.iterdir()] == ["study.toml"]


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.toml"
    path.write_text("ratios = " + "[" * 100_000)
    with pytest.raises(UserError, match="nested too deeply"):
        study_file(path)


@pytest.mark.parametrize(
    ("text", "short"),
    [
        (f"got {'many words ' * 30!r}", f"got {('many words ' * 30)[:80] + '...'!r}"),
        (f'got "{"it is " * 30}"; mend it', f'got "{("it is " * 30)[:80]}..."; mend it'),
        ("the study's file isn't what it was " * 5, "the study's file isn't what it was " * 5),
        ("'a' " + "is known and " * 9 + "'b'", "'a' " + "is known and " * 9 + "'b'"),
        (f"no file '{'/folder' * 20}/a.jsonl'", f"no file '{'/folder' * 20}/a.jsonl'"),
        (f"no file '{'/folder' * 40}'", f"no file {chr(39) + ('/folder' * 40)[:79]}..."),
    ],
)
def test_of_a_value_a_message_quotes_eighty_letters(text: str, short: str) -> None:
    assert shortened(text) == short


def test_a_complaint_is_one_short_line_whatever_the_output_can_show() -> None:
    for value in ("x", "x " * 2000, "x" * 5000, ""):
        with pytest.raises(UserError) as raised:
            parse(FLAGS["advise"], [f"--utilisation={value}"], "advise")
        assert len(str(raised.value)) < 250
        assert "---" not in str(raised.value)


def test_a_text_with_a_nul_is_refused_wherever_it_stands(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no NUL character"):
        parse(FLAGS["status"], ["a\0b"], "status")
    path = tmp_path / "run.toml"
    path.write_text(r'out = "a\u0000b"')
    with pytest.raises(UserError, match="no NUL character"):
        parse(FLAGS["train"], ["--config", str(path)], "train")
