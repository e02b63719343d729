from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bestiary.cli._advise import Flags as Advise
from bestiary.cli._flags import parse, settings_from
from bestiary.cli._train import Flags, Shape, model_of, planned_run, with_vocabulary
from bestiary.errors import UserError
from bestiary.specs import SIZES, DataSpec

DATA = DataSpec(name="text", digest="a" * 64)


def flags_of(*arguments: str) -> Flags:
    flags = parse(Flags, list(arguments), "train")
    assert flags is not None
    return flags


def test_flags_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        'size = "262k"\nratio = 2\nsteps = 7\n[set]\nlearning_rate = 0.02\n[shape]\ncontext = 64\n'
    )
    flags = flags_of("--config", str(file), "--steps", "9", "--set", "beta1=0.8")
    assert (flags.size, flags.ratio, flags.steps, flags.shape.context) == ("262k", 2.0, 9, 64)
    assert settings_from(flags.set) == {"learning_rate": 0.02, "beta1": 0.8}


def test_text_on_the_command_line_is_not_mixed_with_that_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text('data = "a.txt"')
    assert flags_of("--config", str(file)).data == ("a.txt",)
    flags = flags_of("--config", str(file), "--data", "b.txt", "--data", "c.jsonl,weight=2")
    assert flags.data == ("b.txt", "c.jsonl,weight=2")


@pytest.mark.parametrize(
    ("text", "cure"),
    [
        ('sise = "65k"', "did you mean 'size'?"),
        ("steps = 1.5", "steps"),
        ("size = ", "is not TOML"),
        ("[shape]\nhiden = 4", "hiden"),
        ("ratio = nan", "finite"),
    ],
)
def test_a_file_is_checked_like_flags(tmp_path: Path, text: str, cure: str) -> None:
    (tmp_path / "run.toml").write_text(text)
    with pytest.raises(UserError, match=cure):
        flags_of("--config", str(tmp_path / "run.toml"))


def test_settings_have_the_types_that_were_written() -> None:
    pairs = ("a=1", "b=1e-3", "c=true", "d=sum", "a=2")
    assert settings_from(pairs) == {"a": 2, "b": 0.001, "c": True, "d": "sum"}


@pytest.mark.parametrize(
    ("text", "value"),
    [("3e9", 3e9), ("3B", 3e9), ("200b", 2e11), ("1.5T", 1.5e12), ("124M", 124e6)],
)
def test_a_count_is_read_as_it_is_printed(text: str, value: float) -> None:
    flags = parse(Advise, ["--params", text], "advise")
    assert flags is not None
    assert flags.params == value


@pytest.mark.parametrize("text", ["3x", "", "B", "three"])
def test_what_is_no_count_is_refused_with_the_cure(text: str) -> None:
    with pytest.raises(UserError, match="is no count; write it as 3e9 or 3B"):
        parse(Advise, ["--params", text], "advise")


@settings(deadline=None)
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_number_on_the_command_line_is_that_number(value: float) -> None:
    assert settings_from((f"x={value!r}",)) == {"x": value}


def test_a_wider_model_brings_its_mlp_and_heads_along() -> None:
    model = model_of("65k", Shape(hidden=192))
    assert (model.intermediate, model.heads, model.key_value_heads) == (768, 3, 3)
    assert model_of("65k", Shape()) == SIZES["65k"]


@settings(deadline=None)
@given(
    ratio=st.floats(0.1, 4), batch=st.integers(1, 64), size=st.sampled_from(["16k", "65k", "1m"])
)
def test_the_ratio_decides_the_tokens(ratio: float, batch: int, size: str) -> None:
    run = planned_run(Flags(ratio=ratio, batch_size=batch, size=size), SIZES[size], DATA)
    wanted = 20 * run.model.matrix_parameters * ratio
    assert wanted - batch * run.model.context < run.tokens <= wanted


def test_an_optimizer_brings_its_own_schedule() -> None:
    model = SIZES["65k"]
    adamw = planned_run(Flags(steps=100), model, DATA).schedule
    muon = planned_run(Flags(steps=100, optimizer="muon"), model, DATA).schedule
    assert (adamw.kind, adamw.warmup_steps) == ("cosine", 10)
    assert (muon.kind, muon.warmup_steps, muon.decay_fraction) == ("wsd", 0, 0.6)
    forced = planned_run(Flags(steps=100, schedule="linear", warmup=0.2), model, DATA).schedule
    assert (forced.kind, forced.warmup_steps) == ("linear", 20)


def test_a_model_has_the_ids_of_its_tokenizer_unless_told() -> None:
    assert with_vocabulary(flags_of("--size", "130m")).vocabulary == 256
    assert (
        with_vocabulary(flags_of("--size", "130m", "--shape.vocabulary", "300")).vocabulary == 300
    )


def test_a_preset_is_what_set_goes_over() -> None:
    flags = flags_of("--optimizer", "muon", "--preset", "moonshot", "--set", "momentum=0.9")
    settings = planned_run(flags, SIZES["8k"], DATA).optimizer.settings
    assert (settings["scale"], settings["iterations"], settings["momentum"]) == ("rms", 5, 0.9)
    with pytest.raises(UserError, match="did you mean 'moonshot'"):
        planned_run(flags_of("--optimizer", "muon", "--preset", "moonshoot"), SIZES["8k"], DATA)
