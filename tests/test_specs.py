"""Specs: identity, bounds, and counts by formula."""

import json
import subprocess
import sys

import msgspec
import pytest

from bestiary.errors import UserError
from bestiary.specs import (
    SIZES,
    DataSpec,
    Evaluation,
    ModelSpec,
    OptimizerSpec,
    RunResult,
    RunSpec,
    ScheduleSpec,
    canonical_json,
    checked,
    from_builtins,
    run_id,
)

RUN = RunSpec(
    model=SIZES["65k"],
    data=DataSpec(name="stdlib", digest="0" * 64),
    optimizer=OptimizerSpec(name="adamw", settings={"learning_rate": 0.001, "beta1": 0.9}),
    schedule=ScheduleSpec(warmup_steps=10.0),
    batch_size=16,
    steps=100,
)


def test_study_sizes_have_the_published_counts() -> None:
    counts = {name: SIZES[name].matrix_parameters for name in ("130m", "300m", "520m", "1.2b")}
    assert counts == {
        "130m": 134_217_728,
        "300m": 301_989_888,
        "520m": 536_870_912,
        "1.2b": 1_207_959_552,
    }


@pytest.mark.parametrize(("batch", "steps"), [(128, 5120), (256, 2560)])
def test_one_chinchilla_has_the_studys_steps(batch: int, steps: int) -> None:
    assert SIZES["130m"].steps(1.0, batch) == steps


@pytest.mark.parametrize("name", SIZES)
def test_ladder_names_are_rounded_counts(name: str) -> None:
    unit = {"k": 1e3, "m": 1e6, "b": 1e9}[name[-1]]
    assert SIZES[name].matrix_parameters / unit == pytest.approx(float(name[:-1]), rel=0.05)


def test_identity_is_the_same_in_every_process() -> None:
    program = (
        "import sys; from bestiary.specs import RunSpec, from_builtins, run_id; import json;"
        "print(run_id(from_builtins(RunSpec, json.loads(sys.stdin.read()))))"
    )
    ids = {
        subprocess.run(
            [sys.executable, "-c", program],
            input=canonical_json(RUN),
            env={"PYTHONHASHSEED": seed, "PATH": ""},
            capture_output=True,
            text=True,
            check=True,
        ).stdout.strip()
        for seed in ("0", "1")
    }
    assert ids == {run_id(RUN)}


def test_identity_is_pinned() -> None:
    """A change here orphans every stored result: raise the schema version instead."""
    older = msgspec.structs.replace(RUN, schema=1)
    assert run_id(older) == "2984918d0816768b6e780cce3aa88626fff54ff3d03ccf662a45f9dc36659c51"
    assert run_id(RUN) == "e53dc3ebc111f2241acda455c11a7cbcdab340bd7e8cd224c5f66fa3904d14f4"


def test_the_name_of_a_corpus_is_no_part_of_identity() -> None:
    renamed = msgspec.structs.replace(RUN, data=DataSpec(name="copy", digest="0" * 64))
    other = msgspec.structs.replace(RUN, data=DataSpec(name="stdlib", digest="1" * 64))
    assert run_id(renamed) == run_id(RUN) != run_id(other)


def test_integers_and_floats_of_equal_value_are_one_run() -> None:
    plain = json.loads(canonical_json(RUN))
    plain["schedule"]["warmup_steps"] = 10
    assert run_id(from_builtins(RunSpec, plain)) == run_id(RUN)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("batch_size", 0),
        ("steps", 1.5),
        ("seed", -1),
        ("accumulation", 3),
        ("compute_dtype", "float16"),
        ("schedule", {"kind": "cosine", "warmup_steps": 101}),
        ("schedule", {"kind": "cosine", "final_fraction": float("nan")}),
        ("schedule", {"kind": "cosine", "warmup_steps": float("inf")}),
        ("learning_rate", 0.1),
    ],
)
def test_wrong_fields_are_refused(field: str, value: object) -> None:
    plain = json.loads(canonical_json(RUN)) | {field: value}
    with pytest.raises(UserError) as error:
        from_builtins(RunSpec, plain)
    assert "\n" not in str(error.value)


def test_specs_built_in_python_are_checked_too() -> None:
    with pytest.raises(UserError, match="batch_size"):
        checked(
            RunSpec(
                model=SIZES["16k"], data=RUN.data, optimizer=RUN.optimizer, batch_size=-1, steps=1
            )
        )


def test_heads_must_divide_the_width() -> None:
    with pytest.raises(UserError, match="heads"):
        ModelSpec(
            layers=1,
            hidden=30,
            intermediate=60,
            heads=4,
            key_value_heads=4,
            context=8,
            vocabulary=16,
        )


def test_equal_specs_hash_alike_whatever_the_order_of_their_dictionaries() -> None:
    plain = json.loads(canonical_json(RUN))
    plain["schedule"]["warmup_steps"] = 10
    again = from_builtins(RunSpec, plain)
    assert list(again.optimizer.settings) != list(RUN.optimizer.settings)
    assert again == RUN
    assert hash(again) == hash(RUN)
    assert len({RUN, again, msgspec.structs.replace(RUN, seed=1)}) == 2
    # As numbers are equal to one another, so are the specs that hold them.
    one = OptimizerSpec(name="adamw", settings={"max_grad_norm": 1})
    other = OptimizerSpec(name="adamw", settings={"max_grad_norm": 1.0})
    assert one == other
    assert hash(one) == hash(other)


def test_a_spec_that_holds_dictionaries_of_specs_can_be_a_key() -> None:
    def result() -> RunResult:
        losses = {"selection": 2.0, "report": 2.5}
        last = Evaluation(step=1, tokens=2, loss=losses)
        return RunResult(run_id="a", state="done", loss=losses, evaluations=(last,))

    assert {result(): 1}[result()] == 1
    assert hash(result()) != hash(msgspec.structs.replace(result(), loss={}))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"steps": -1}, "steps must be int >= 1, got -1"),
        ({"steps": "many"}, "steps must be int, got many"),
        ({"seed": None}, "seed must be int, got None"),
        ({"model": {"layers": 0}}, "model.layers must be int >= 1, got 0"),
        ({"data": 3}, "data must be object, got 3"),
        ({"optimizer": {"name": "x", "settings": {"y": []}}}, r"optimizer.settings\[...\] must be"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place_its_rule_and_its_value(
    wrong: dict[str, object], told: str
) -> None:
    plain = msgspec.to_builtins(RUN)
    for name, value in wrong.items():
        plain[name] = {**plain[name], **value} if isinstance(value, dict) else value
    with pytest.raises(UserError, match=f"^RunSpec: {told}"):
        from_builtins(RunSpec, plain)
