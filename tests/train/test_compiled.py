"""A step compiled for chips that are not here; the compiler is an optional package."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax
import pytest

from bestiary.errors import UserError
from bestiary.specs import SIZES, Placement
from bestiary.train import _chips, _compiled, compiled_for
from bestiary.train._bundles import bundles, write_schedules
from bestiary.train._chips import CHIPS, chip_of, topology_devices
from bestiary.train._compilation import enable_compilation_cache
from bestiary.train._cycles import cycles
from bestiary.train._mesh import placement_of

LOOPED = """
%body.1 (p: (s32[])) -> (s32[]) {
  %kernel = f32[8] fusion(%x), backend_config={"estimated_cycles":"100"}
}

%cond.1 (p: (s32[])) -> pred[] {
  %bound = s32[]{:T(128)} constant(32)
  ROOT %less = pred[] compare(%i, %bound), direction=LT
}

%never (p: f32[8]) -> f32[8] {
  ROOT %kernel = f32[8] fusion(%x), backend_config={"estimated_cycles":"7"}
}

%often (p: f32[8]) -> f32[8] {
  ROOT %kernel = f32[8] fusion(%x), backend_config={"estimated_cycles":"1000"}
}

ENTRY %main (x: f32[8]) -> f32[8] {
  %first = f32[8] fusion(%x), backend_config={"estimated_cycles":"5"}
  %chosen = f32[8] conditional(%i, %a, %b), branch_computations={%never, %often}
  ROOT %loop = (s32[]) while(%init), condition=%cond.1, body=%body.1
}
"""


def test_a_loop_counts_as_often_as_it_runs_and_of_branches_the_longest() -> None:
    assert cycles(LOOPED, {}) == 5 + 1000 + 32 * 100
    assert cycles(LOOPED, {}, of_branches=min) == 5 + 7 + 32 * 100
    assert cycles("", {}) == 0


def test_a_kernel_that_states_no_cycles_has_those_of_its_schedule() -> None:
    call = 'f32[8] custom-call(%x), custom_call_target="tpu_custom_call"'
    text = f"ENTRY %main (x: f32[8]) -> f32[8] {{\n  ROOT %splash.1 = {call}\n}}"
    assert cycles(text, {"splash": 70}) == 70
    with pytest.raises(LookupError):
        cycles(text, {})


def test_schedules_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIBTPU_INIT_ARGS", "--xla_mine=1")
    write_schedules()
    write_schedules()
    mine, to = os.environ["LIBTPU_INIT_ARGS"].split()[:2]
    assert (mine, to.partition("=")[0]) == ("--xla_mine=1", "--xla_jf_dump_to")
    folder = Path(to.partition("=")[2])
    told = "Schedule analysis:\n\ttotal scheduled bundles:    2259\n"
    (folder / "17-splash_mha_fwd.1-00-schedule-analysis_final_bundles.txt").write_text(told)
    (folder / "18-fusion-00-schedule-analysis_final_bundles.txt").write_text(told)
    (folder / "17-splash_mha_fwd.1-01-final_bundles.txt").write_text("")
    assert bundles() == {"splash_mha_fwd": 2259, "fusion": 2259}
    assert bundles() == {}


def test_a_topology_that_cannot_be_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="unknown chip 'v5x'; did you mean"):
        chip_of("v5x:2x2")
    monkeypatch.setattr(_chips.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(UserError, match=r"libtpu, which is not installed; pip install"):
        topology_devices("v5e:2x2")


def test_a_mesh_of_another_number_of_chips_is_refused(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_compiled, "topology_devices", lambda name: tuple(range(4)))
    with pytest.raises(UserError, match="the mesh data=8 has 8 devices, but v5e:2x2 has 4"):
        compiled_for(make_run(), "v5e:2x2", stated=Placement(data=8))
    with pytest.raises(UserError, match="must divide the batch, got 6 sequences for 4"):
        compiled_for(make_run(batch_size=6), "v5e:2x2", stated=Placement(data=4))


def test_what_does_not_fit_is_tried_in_smaller_micro_batches(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first that fits is taken; where none does, the last is told with what it needs."""
    tried: list[int] = []
    blank = _compiled.CompiledStep(
        part="step",
        topology="",
        placement="",
        accumulation=1,
        kernels={},
        recomputed=False,
        fits=False,
        memory=1,
        needed=2,
    )

    def attempt(of: Any, *rest: Any) -> Any:
        tried.append(of.micro_batches)
        return replace(blank, accumulation=of.micro_batches, fits=of.micro_batches == 4)

    monkeypatch.setattr(_compiled, "topology_devices", lambda name: tuple(jax.devices()[:1]) * 4)
    monkeypatch.setattr(_compiled, "_attempt", attempt)
    assert compiled_for(make_run(batch_size=32), "v5e:2x2").accumulation == 4
    assert tried == [1, 2, 4]


def test_chips_beyond_what_the_batch_divides_divide_the_matrices() -> None:
    small, large = SIZES["130m"], SIZES["1.2b"]
    memory = CHIPS["v5e"].memory
    assert placement_of(small, 128, 8, memory) == Placement(data=8)
    assert placement_of(large, 128, 64, memory) == Placement(shard=64)
    assert placement_of(large, 128, 256, memory) == Placement(shard=128, model=2)


@pytest.mark.slow
def test_a_small_step_compiles_for_a_slice(make_run: Any) -> None:
    pytest.importorskip("libtpu")
    enable_compilation_cache()  # what it keeps of a slice's programs it could not read
    found = compiled_for(make_run("muon", batch_size=8), "v5e:2x2")
    assert found.fits
    assert found.needed == sum(found.held.values()) < found.memory
    assert 0 < found.seconds < 1e-3
    assert found.spoken
    parts = [
        compiled_for(make_run("muon", batch_size=8), "v5e:2x2", part=part)
        for part in ("gradient", "optimizer")
    ]
    assert parts[1].seconds == found.optimizer_seconds
    assert 0.8 < sum(part.seconds for part in parts) / found.seconds < 1.25
    assert parts[0].held["optimizer state"] == 0
    with pytest.raises(UserError, match="no topology 'v5e:3x3'"):
        topology_devices("v5e:3x3")
