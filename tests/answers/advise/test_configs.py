"""Blocks to paste: they say the start, in the keys of each project, and optax's runs."""

import math

import pytest
from msgspec.structs import replace

from bestiary.answers.advise import PROJECTS, Start, config_block
from bestiary.errors import UserError
from bestiary.measures import Recommendation
from bestiary.optimizers import CATALOGUE


def recommended(**settings: object) -> tuple[Recommendation, ...]:
    return tuple(
        Recommendation(name=name, value=value, low=None, high=None, origin="")
        for name, value in settings.items()
    )


MUON = Start(
    optimizer="muon",
    label="Muon",
    sequence_tokens=4096.0,
    batch_sequences=256,
    batch_tokens=2.0**20,
    steps=1000,
    warmup_steps=100,
    warmup_tokens=100 * 2.0**20,
    schedule="wsd",
    decay_fraction=0.4,
    final_fraction=0.1,
    settings=recommended(
        learning_rate=0.004,
        weight_decay=0.1,
        momentum=0.95,
        muon_to_adam_lr=0.3,
        muon_epsilon=1e-5,
        beta1=0.8,
        beta2=0.98,
        epsilon=1e-15,
        max_grad_norm=1,
        train_batch_size=256.0,
        warmup=100,
        decay=0.4,
        lr_schedule="linear",
    ),
    edges=(),
)
ADAMW = replace(MUON, optimizer="adamw", label="AdamW", schedule="cosine")


def test_the_block_for_optax_runs_and_has_the_schedule_of_the_start() -> None:
    block = config_block("optax", MUON, accepted=CATALOGUE["muon"].fields)
    told: dict = {}
    exec(block, told)
    assert hasattr(told["optimizer"], "update")
    rates = [float(told["schedule"](step)) for step in (0, 50, 100, 599, 800, 1000)]
    assert rates == pytest.approx([0.0, 0.002, 0.004, 0.004, 0.0022, 0.0004])
    assert "adam_factor=0.3" in block
    assert "iterations=10" in block


@pytest.mark.parametrize("kind", ["cosine", "linear", "constant"])
def test_every_schedule_begins_at_nothing_peaks_and_ends_as_stated(kind: str) -> None:
    told: dict = {}
    exec(config_block("optax", replace(ADAMW, schedule=kind), accepted=["beta1"]), told)
    end = 0.004 if kind == "constant" else 0.0004
    rates = [float(told["schedule"](step)) for step in (0, 100, 1000)]
    assert rates == pytest.approx([0.0, 0.004, end])


def test_flags_of_megatron_and_nanochat_are_the_same_training() -> None:
    megatron = config_block("megatron", MUON)
    for flag in (
        "--lr 0.004 ",
        "--min-lr 0.0004 ",
        "--decoupled-lr 0.0012 ",
        "--lr-wsd-decay-iters 400 ",
        "--lr-warmup-iters 100 ",
        "--global-batch-size 256 ",
        "--muon-scale-mode shape_scaling ",
    ):
        assert flag in megatron
    assert not megatron.endswith("\\")
    nanochat = config_block("nanochat", MUON)
    # Its program multiplies by the root of the batch over half a million tokens.
    assert f"--matrix-lr={0.004 / math.sqrt(2):.5g} " in nanochat
    assert "--total-batch-size=1048576 " in nanochat
    assert "--warmdown-ratio=0.4 " in nanochat


def test_another_muon_is_written_as_that_or_refused() -> None:
    moonshot = replace(MUON, settings=(*MUON.settings, *recommended(scale="rms", nesterov=False)))
    megatron = config_block("megatron", moonshot)
    assert "--muon-scale-mode spectral \\\n--muon-extra-scale-factor 0.2 " in megatron
    assert "nesterov" not in megatron
    torchtitan = config_block("torchtitan", moonshot)
    assert '"nesterov": False' in torchtitan
    assert '"adjust_lr_fn": "match_rms_adamw"' in torchtitan
    levanter = config_block("levanter", moonshot)
    assert "  nesterov: false\n  use_kimi_scaling: true\n" in levanter
    with pytest.raises(UserError, match="nanochat has no Muon with scale rms, only with aspect"):
        config_block("nanochat", moonshot)
    polar = replace(MUON, settings=(*MUON.settings, *recommended(coefficients="polar_express")))
    assert "--muon-coefficient-type polar_express " in config_block("megatron", polar)
    for project in ("torchtitan", "levanter"):
        with pytest.raises(UserError, match="coefficients polar_express, only with simple"):
            config_block(project, polar)


def test_yaml_of_levanter_says_numbers_that_stay_numbers() -> None:
    block = config_block("levanter", MUON)
    assert "  type: muon\n  learning_rate: 0.004\n  adam_lr: 0.0012\n" in block
    assert "  muon_epsilon: 1.0e-05\n" in block
    assert "  decay: 0.4\n" in block
    assert "  lr_schedule: linear\n" in block
    assert "  nesterov: false\n" in config_block("levanter", ADAMW)


def test_arguments_of_hugging_face_divide_the_batch_over_the_devices() -> None:
    block = config_block("hf", ADAMW, devices=64)
    assert "per_device_train_batch_size=4," in block
    assert "gradient_accumulation_steps=1," in block
    assert '"cosine_with_min_lr"' in block
    linear = config_block("hf", replace(ADAMW, schedule="linear"), devices=64)
    assert '"num_decay_steps": 900, "decay_type": "linear", "min_lr_ratio": 0.1' in linear
    stays = config_block("hf", replace(ADAMW, schedule="wsd"), devices=64)
    assert '"num_decay_steps": 400' in stays


@pytest.mark.parametrize("start", [MUON, ADAMW])
def test_fields_of_torchtitan_are_python(start: Start) -> None:
    block = config_block("torchtitan", start)
    compile(f"dict(\n{block}\n)", "block", "eval")
    assert "num_tokens_per_train_step=1048576, max_context_length=4096" in block


def test_every_block_names_the_version_whose_keys_it_has() -> None:
    for project in PROJECTS:
        start = ADAMW if project == "hf" else MUON
        assert "keys as in" in config_block(project, start, accepted=["beta1"]).splitlines()[0]


def test_what_a_project_lacks_or_results_do_not_say_is_refused() -> None:
    with pytest.raises(UserError, match=r"no Muon is known in hf; torchtitan, megatron, nanochat"):
        config_block("hf", MUON)
    with pytest.raises(UserError, match="unknown project 'levantr'; did you mean 'levanter'"):
        config_block("levantr", MUON)
    with pytest.raises(UserError, match="steps and tokens"):
        config_block("levanter", replace(MUON, steps=None))
