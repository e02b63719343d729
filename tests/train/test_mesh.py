"""A run over several devices is the run on one, to the rounding of its sums."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import jax
import numpy as np
import pytest
from jax.sharding import PartitionSpec
from tests.compiling import QUICK
from tests.train.conftest import TINY

from bestiary import models
from bestiary.data import Corpus
from bestiary.errors import UserError
from bestiary.specs import SIZES, Placement, RunSpec, placement_from
from bestiary.train import Policy, chosen_placement, train


def on_eight(corpus: Corpus, folder: Path, optimizer: str, *meshes: str) -> dict[str, Any]:
    script = Path(__file__).with_name("eight_devices.py")
    flags = " ".join(["--xla_force_host_platform_device_count=8", *QUICK])
    places = [str(corpus.folder.parent), corpus.spec.digest, str(folder)]
    done = subprocess.run(
        [sys.executable, str(script), *places, optimizer, *meshes],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Involuntary" not in done.stderr  # the partitioner found no way but to copy everything
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow(15)
@pytest.mark.rare
def test_eight_devices_train_as_one_does(corpus: Corpus, tmp_path: Path) -> None:
    meshes = ("shard=8", "data=2,shard=2,model=2>data=8")
    found = on_eight(corpus, tmp_path, "adamw", "data=1", *meshes)
    one = found.pop("data=1")
    for mesh, other in found.items():
        assert other["train"] == pytest.approx(one["train"], abs=2e-5), mesh
        assert other["report"] == pytest.approx(one["report"], abs=2e-5), mesh
        assert other["placement"] == mesh.split(">")[-1]
    assert found[meshes[1]]["moved"] == "placement data=2,shard=2,model=2, then data=8"


@pytest.mark.slow(60)
@pytest.mark.rare
@pytest.mark.parametrize("name", ["splus", "kl_soap", "soap_muon"])
def test_eight_devices_are_no_further_from_one_than_an_ulp_is(
    corpus: Corpus, tmp_path: Path, name: str
) -> None:
    """What these factor is singular at first: any rounding picks another basis of its null space.

    So they are compared with runs on one device whose initial weights are the neighbouring floats.
    """
    nudged = [f"data=1~{seed}" for seed in range(1, 5)]
    found = on_eight(corpus, tmp_path, name, "data=1", "data=2,shard=2,model=2", *nudged)
    one = np.array(found.pop("data=1")["train"])
    apart = {mesh: np.abs(np.array(other["train"]) - one).max() for mesh, other in found.items()}
    over_devices = apart.pop("data=2,shard=2,model=2")
    assert 0 < over_devices < 2 * max(apart.values())


def test_every_matrix_is_divided_and_never_along_its_layers() -> None:
    placement = Placement(data=2, shard=4, model=2)
    divided = models.partition(SIZES["130m"], placement)
    assert divided["layers"]["q"] == PartitionSpec(None, "shard", "model")
    assert divided["layers"]["down"] == PartitionSpec(None, "model", "shard")
    assert divided["embedding"] == PartitionSpec("model", "shard")
    assert divided["head"] == PartitionSpec("shard", "model")
    assert divided["final_norm"] == PartitionSpec(None)


def test_a_side_that_an_axis_does_not_divide_stays_whole() -> None:
    divided = models.partition(TINY, Placement(shard=16, model=3))
    # 8 x 8 and 8 x 16: sixteen divides the columns of the second alone, three no side.
    assert divided["layers"]["q"] == PartitionSpec(None, None, None)
    assert divided["layers"]["up"] == PartitionSpec(None, None, "shard")


@pytest.mark.parametrize(
    ("mesh", "told"),
    [
        ("rows=8", "unknown axis of --mesh 'rows'; known: data, shard, model"),
        ("data=8,data=2", "--mesh takes each axis once"),
        ("data=-1", "--mesh takes each axis once"),
        ("data=", "--mesh takes each axis once"),
        ("", "unknown axis"),
    ],
)
def test_what_is_no_mesh_is_refused(mesh: str, told: str) -> None:
    with pytest.raises(UserError) as error:
        placement_from(mesh)
    assert str(error.value).startswith(told)


def test_a_mesh_is_read_as_it_is_written() -> None:
    for text in ("data=8", "shard=4", "data=2,model=3", "data=1"):
        assert str(placement_from(text)) == text


def test_what_cannot_be_laid_over_the_devices_is_refused(
    make_run: Any, corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(placement: Placement, *runs: RunSpec) -> str:
        with pytest.raises(UserError) as error:
            train(runs, corpus, tmp_path / "never", Policy(placement=placement))
        assert not (tmp_path / "never").exists()
        return str(error.value)

    told = refused(Placement(data=64), make_run())
    assert told.startswith("the mesh data=64 needs 64 devices, but there are ")
    monkeypatch.setattr(jax, "device_count", lambda: 64)
    told = refused(Placement(data=2, shard=3), make_run())
    assert "must divide the sequences of a micro-batch, got 4 for 6; take a batch of 12" in told
    told = refused(Placement(data=2), make_run(), make_run(seed=1))
    assert told.startswith("several runs at once have one device, got 2 runs for 2")


def test_a_number_of_devices_is_data_parallel_until_the_state_is_too_large(
    make_run: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(batch_size=8)
    assert chosen_placement(run) == Placement()
    assert chosen_placement(run, devices=8) == Placement(data=8)
    stated = Placement(shard=4)
    assert chosen_placement(run, stated=stated) == stated
    with pytest.raises(UserError, match=r"shard=4 has 4 devices, got --devices 8"):
        chosen_placement(run, devices=8, stated=stated)
    memory = 20 * run.model.parameters
    monkeypatch.setattr("bestiary.train._mesh._device_bytes", lambda: memory)
    assert chosen_placement(run, devices=8) == Placement(shard=8)
