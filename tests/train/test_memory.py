"""A step is divided so that it fits the memory; the run is the same but for its last bits."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import msgspec
import numpy as np
import pytest

from bestiary import data
from bestiary.errors import UserError
from bestiary.specs import ONE_DEVICE, SIZES, Placement, RunSpec, training_bytes
from bestiary.train import Policy, _memory, _train, train

Make = Callable[..., RunSpec]
LARGE = msgspec.structs.replace(SIZES["67m"], layers=4)


def divided(run: RunSpec, gigabytes: float, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv(_memory.VARIABLE, str(int(gigabytes * 1e9)))
    return _memory.micro_batches([run], ONE_DEVICE)


def test_less_memory_takes_more_micro_batches_and_plenty_takes_the_runs_own(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = make_run(model=LARGE, batch_size=24, accumulation=2)
    found = [divided(run, gigabytes, monkeypatch) for gigabytes in (1000, 4, 2, 1, 0.01)]
    assert found == sorted(found)
    assert found[0] == 2
    assert found[-1] == 24
    assert len(set(found)) > 3
    assert all(24 % one == 0 and one % 2 == 0 for one in found)


def test_activations_are_kept_where_the_memory_is_enough(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = make_run(model=SIZES["17m"], batch_size=16)
    kept = training_bytes(deep.model, 16, 0, recomputed=False)
    again = training_bytes(deep.model, 16, 0, recomputed=True)
    assert again < kept / 4
    monkeypatch.setenv(_memory.VARIABLE, str(2 * kept))
    assert not _memory.recomputed([deep], ONE_DEVICE, 1)
    monkeypatch.setenv(_memory.VARIABLE, str(kept))
    assert _memory.recomputed([deep], ONE_DEVICE, 1)
    assert _memory.micro_batches([deep], ONE_DEVICE) == 1  # as it fits so
    assert not _memory.recomputed([deep], ONE_DEVICE, 16)
    shallow = make_run(model=LARGE, batch_size=16)
    assert not _memory.recomputed([shallow], ONE_DEVICE, 1)


def test_activations_are_computed_again_before_a_step_is_divided_further(make_run: Make) -> None:
    deep, shallow = make_run(model=SIZES["17m"]), make_run(model=LARGE)
    assert _memory.smaller(deep, ONE_DEVICE, 1, False) == (1, True)
    assert _memory.smaller(deep, ONE_DEVICE, 1, True) == (2, True)
    assert _memory.smaller(shallow, ONE_DEVICE, 1, False) == (2, False)
    assert _memory.smaller(deep, ONE_DEVICE, 4, True) is None


def test_a_gpu_keeps_activations_where_micro_batches_that_fill_it_fit(
    make_run: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    deep = make_run(model=SIZES["130m"], batch_size=128, compute_dtype="bfloat16")
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    found = {}
    for gigabytes in (1000, 100, 60, 30, 15):
        parts = divided(deep, gigabytes, monkeypatch)
        found[gigabytes] = parts, _memory.recomputed([deep], ONE_DEVICE, parts)
    assert found == {
        1000: (1, False),
        100: (8, False),
        60: (16, False),
        30: (16, True),
        15: (128, True),
    }


def test_small_runs_are_never_divided(make_run: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    assert divided(make_run(batch_size=16), 0.001, monkeypatch) == 1


def test_every_device_has_its_part_of_a_micro_batch(make_run: Make) -> None:
    run = make_run(batch_size=24)
    assert _memory.more(run, Placement(data=4), 1) == 2
    assert _memory.more(run, Placement(data=4), 3) == 6
    assert _memory.more(run, Placement(data=4), 6) is None


@pytest.mark.parametrize("stated", ["much", "-1", "0", "1e9"])
def test_the_memory_is_stated_in_bytes(stated: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(_memory.VARIABLE, stated)
    with pytest.raises(UserError, match="number of bytes"):
        _memory.memory_bytes()


@pytest.mark.slow
@pytest.mark.parametrize("name", ["adamw", "sophia"])
def test_a_divided_run_is_the_same_run(
    name: str,
    make_run: Make,
    corpus: data.Corpus,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = make_run(name, steps=6)
    (whole,) = train([run], corpus, tmp_path / "whole")
    monkeypatch.setattr(_memory, "_SMALL", 0)
    monkeypatch.setenv(_memory.VARIABLE, "1")
    (parts,) = train([run], corpus, tmp_path / "parts")
    assert whole.environment["attention"] == "chunked"
    assert whole.environment["activations"] == "kept"
    assert whole.environment["cross-entropy"] == "tiles of 134,217,728 logits"
    assert (whole.environment["micro-batches"], parts.environment["micro-batches"]) == ("1", "4")
    assert whole.run_id == parts.run_id
    np.testing.assert_allclose(parts.loss["report"], whole.loss["report"], rtol=1e-5)


def test_where_the_device_has_too_little_smaller_micro_batches_go_on(
    make_run: Make, corpus: data.Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[tuple[int, tuple[Path, ...]]] = []

    class Exhausted:
        """Has room for one sequence."""

        def __init__(self, *_: Any, policy: Policy, micro_batches: int, **__: Any) -> None:
            tried.append((micro_batches, policy.earlier))
            if micro_batches < 4:
                raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory")

        def results(self) -> list[Any]:
            return []

    monkeypatch.setattr(_train, "Session", Exhausted)
    assert train([make_run()], corpus, tmp_path) == []
    assert [parts for parts, _ in tried] == [1, 2, 4]
    assert tmp_path in tried[-1][1]
    with pytest.raises(jax.errors.JaxRuntimeError):
        train([make_run(accumulation=2, batch_size=2)], corpus, tmp_path)


def test_an_estimate_grows_with_all_that_a_run_has() -> None:
    sizes = [training_bytes(SIZES[name], 4, 0) for name in ("1m", "4m", "17m")]
    assert sizes == sorted(sizes)
    rows = [training_bytes(SIZES["130m"], sequences, 0) for sequences in (1, 2, 4, 8)]
    assert rows == sorted(rows)
    assert training_bytes(LARGE, 4, 0) < training_bytes(LARGE, 4, 0, curvature=True)
    assert training_bytes(LARGE, 4, 10**9) == training_bytes(LARGE, 4, 0) + 10**9
