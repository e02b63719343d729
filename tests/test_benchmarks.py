"""What benchmarks do only on an accelerator, at tiny shapes, and what they count on real ones."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import jax
import msgspec
import pytest
from benchmarks import (
    accelerators,
    compiled_steps,
    kernels,
    optimizer_bounds,
    optimizer_steps,
    peers,
)

from bestiary.errors import UserError
from bestiary.specs import SIZES, DataSpec, ModelSpec, RunSpec

TINY: ModelSpec = msgspec.structs.replace(SIZES["8k"], context=8, vocabulary=32)


@pytest.mark.slow
def test_steps_are_timed_in_the_setting_of_an_accelerator(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(optimizer_steps, "STEPS", 1)
    monkeypatch.setattr(optimizer_steps, "ROUNDS", 1)
    # More layers than are unrolled: the loop over layers is the accelerator's.
    tiny = replace(optimizer_steps.ACCELERATOR, model=msgspec.structs.replace(TINY, layers=9))
    (row,) = optimizer_steps.rows(tiny, ["lion"])
    assert row["state_bytes_per_parameter"] == pytest.approx(4, rel=1e-3)
    assert row["peak_mb"] > row["state_mb"]


def test_an_accelerator_takes_half_a_million_tokens_in_bfloat16() -> None:
    setting = optimizer_steps.ACCELERATOR
    assert setting.micro_batch * setting.accumulation * setting.model.context == 2**19
    assert setting.compute_dtype == "bfloat16"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["muon", "kron", "soap"])
def test_bounds_leave_room_for_their_targets(name: str) -> None:
    row = optimizer_bounds.row("130m", name, {})
    assert row["over_xla"] == pytest.approx(1, abs=0.03)
    assert row["margin"] > 3


@pytest.mark.slow
def test_half_the_bits_are_half_the_bytes_and_other_products() -> None:
    wide = optimizer_bounds.row("130m", "muon", {})
    narrow = optimizer_bounds.row("130m", "muon", {"precision": "bfloat16"})
    assert (wide["products_in"], narrow["products_in"]) == ("tensorfloat32", "bfloat16")
    assert narrow["tflop"] == wide["tflop"]
    assert narrow["gb"] < wide["gb"]
    assert narrow["serial_ms"] < wide["serial_ms"]


def _compiled(flags: list[str]) -> dict[str, Any]:
    stated = dict(zip(flags[::2], flags[1::2], strict=True))
    gradient = stated["--part"] == "gradient"
    kinds = ("parameters", "optimizer state", *compiled_steps.WORK)
    sizes = (1, 0, 5, 2) if gradient else (1, 2, 3, 1)
    return {
        "placement": "data=8",
        "accumulation": 2,
        "fits": stated["--topology"] == "v5e:4x4",
        "memory": 10 * 10**9,
        "needed": 12 * 10**9,
        "held": {kind: size * 10**9 for kind, size in zip(kinds, sizes, strict=True)},
        "flops": 1e12 * gradient,
        "seconds": 1.5 if gradient else 0.5,
        "least_seconds": 0.0 if gradient else 0.25,
        "share": 0.5,
        "spoken": {"all-reduce": {"count": 2, "megabytes": 3.5}},
    }


def test_a_table_of_estimates_goes_on_where_it_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A gradient is compiled once for all optimizers, and what does not fit has no time."""
    asked: list[str] = []

    def compiled(flags: list[str]) -> dict[str, Any]:
        asked.append(" ".join(flags[1:4:2] + flags[5::2]))
        return _compiled(flags)

    monkeypatch.setattr(compiled_steps, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(compiled_steps, "version", lambda package: "1.2")
    monkeypatch.setattr(compiled_steps, "compiled", compiled)
    monkeypatch.setattr(compiled_steps, "STUDIED", ("130m",))
    monkeypatch.setattr(compiled_steps, "SLICES", ("v5e:2x4", "v5e:4x4"))
    monkeypatch.setattr(compiled_steps, "OPTIMIZERS", ("adamw", "muon"))
    first = next(accelerators.estimated())
    assert "step_seconds" not in first
    rows = list(accelerators.estimated())
    assert rows[0] == first
    assert {row["how"] for row in rows} == {"estimated by the compiler"}
    muon = rows[3]
    assert (muon["step_seconds"], muon["peak_percent"], muon["fits"]) == (2.0, 37.5, True)
    assert (muon["GB"], muon["work_GB"], muon["libtpu"]) == (10.0, 5.0, "1.2")
    assert muon["optimizer_collectives"] == "2 all-reduce 3.5 MB"
    assert asked == [
        "gradient 130m adamw v5e:2x4",
        "gradient 130m adamw v5e:4x4",
        "optimizer 130m adamw v5e:4x4",
        "optimizer 130m muon v5e:4x4",
    ]


def test_steps_and_populations_are_measured_where_there_is_a_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def trained(runs: list[RunSpec], text: Any) -> Any:
        environment = dict.fromkeys(("attention", "activations", "micro-batches"), "told")
        share = 0.5 / len(runs) ** 0.5  # a result has its share of the population's seconds
        return [SimpleNamespace(step_seconds=share, environment=environment) for _ in runs]

    monkeypatch.setattr(accelerators, "_trained", trained)
    text: Any = SimpleNamespace(spec=DataSpec(name="text", digest="0" * 64))
    monkeypatch.setitem(accelerators.PEAKS, "cpu", 1e6)
    row = accelerators.measured(TINY, "adamw", text, batch=2, dtype="bfloat16", steps=2)
    assert row["peak_percent"] == 100 * 2 * TINY.context * TINY.flops_per_token / 0.5 / 1e6
    row = accelerators.population(TINY, text, 16, steps=2)
    assert (row["alone_ms"], row["share_ms"], row["times_faster"]) == (500, 125, 4)


@pytest.mark.slow(5)
def test_kernels_are_timed_beside_the_peak_of_their_device(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(UserError, match="are of an accelerator, got a CPU"):
        kernels.run()
    device: Any = SimpleNamespace(platform="gpu", device_kind="GPU", compute_capability="8.0")
    monkeypatch.setattr(jax, "devices", lambda: [device])
    monkeypatch.setitem(kernels.PEAKS, "GPU", 1e12)
    tiny = {"MODEL": TINY, "SEQUENCES": 2, "TOKENS": 2 * TINY.context, "SIDE": 8, "ROUNDS": 1}
    for name, value in tiny.items():
        monkeypatch.setattr(kernels, name, value)
    rows = {row["what"]: row for row in kernels.run()}
    assert len(rows) == 10
    for row in rows.values():
        assert row["peak_percent"] == pytest.approx(100 * row["tflops"])
    kept = rows["gradient of 2 sequences, activations kept"]
    done = 2 * TINY.context * TINY.flops_per_token
    assert kept["ms"] * kept["tflops"] * 1e9 == pytest.approx(done)


def test_one_process_a_core_is_compared_with_the_best_of_torch_in_either_setting() -> None:
    rates = {
        "ours": [90.0, 100.0, 130.0],
        "ours, one a core": [150.0],
        "torch": [50.0],
        "torch, one a core": [60.0],
        "torch.compile": [120.0],
        "torch.compile, one a core": [80.0],
    }
    row = peers.row("33k", rates)
    assert row["ratio"] == pytest.approx(100 / 120)
    assert row["ratio, one a core"] == pytest.approx(150 / 120)
    assert row["ours"] == "100 (90 to 130)"


def test_a_size_that_nobody_times_is_refused() -> None:
    with pytest.raises(UserError, match="no size '34k'; use 33k, "):
        peers.run(["34k"])
