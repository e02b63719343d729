"""Matrix optimizers over devices: the same numbers, and whole matrices on each."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tests.compiling import QUICK

SCRIPT = Path(__file__).with_name("eight_devices.py")


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    flags = " ".join(["--xla_force_host_platform_device_count=8", *QUICK])
    done = subprocess.run(
        [sys.executable, str(SCRIPT), "muon", "kron"],
        env={**os.environ, "XLA_FLAGS": flags},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Involuntary" not in done.stderr  # the partitioner found no way but to copy everything
    found: dict[str, Any] = json.loads(done.stdout)
    return found


@pytest.mark.slow(8)
@pytest.mark.rare
@pytest.mark.parametrize("name", ["muon", "kron"])
def test_updates_over_eight_devices_are_those_of_one(found: dict[str, Any], name: str) -> None:
    assert found[name]["apart"] < 1e-4
    assert found[name]["looped"] == []


@pytest.mark.slow
@pytest.mark.rare
def test_whole_matrices_are_exchanged_once_in_and_once_out(found: dict[str, Any]) -> None:
    """The formula of docs/accelerators.md: 2 x 4 bytes x ceil(G / n) M N, over the stacks."""
    stacks = [(4 * 4, 64, 64), (4 * 3, 64, 256)]
    expected = sum(2 * 4 * -(-count // 8) * rows * columns for count, rows, columns in stacks)
    assert found["exchanged"].pop("all-to-all") == [4, expected]
    assert set(found["exchanged"]) <= {"all-reduce"}
    assert all(size < 100 for _, size in found["exchanged"].values())  # norms


@pytest.mark.slow
@pytest.mark.rare
def test_matrices_that_are_cut_are_exchanged_once_more_each_way(found: dict[str, Any]) -> None:
    """The formula of docs/accelerators.md: whole blocks as above, and the cut elements over n."""
    elements = 4 * (4 * 64 * 64 + 3 * 64 * 256) + 2 * 64 * 64
    blocks = -(-elements // (32 * 32 * 8)) * 32 * 32
    columns_divided = 4 * 64 * 256 + 64 * 64  # of `down` and the embedding, a third time
    expected = 2 * 4 * (blocks + (elements + columns_divided) // 8)
    assert found["cut"]["same"]
    _, size = found["cut"]["exchanged"].pop("all-to-all")
    assert size == expected
    assert found["cut"]["exchanged"] == {}
