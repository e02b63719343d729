"""Whole training steps of the study's sizes: measured on an accelerator, where there is one.

Without one they are the compiler's estimate for slices of TPU v5e (`compiled_steps`), and every
row says which of the two it is.

Steps have 128 sequences of 4,096 tokens, bfloat16 products, a vocabulary of 128,256.
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import msgspec

from benchmarks import _runs, compiled_steps
from benchmarks.kernels import PEAKS
from bestiary.data import Corpus
from bestiary.optimizers import resolve
from bestiary.specs import SIZES, ModelSpec, RunSpec
from bestiary.train import Policy, train

BATCH, STEPS = 128, 10
# Runs of small models as one program; more steps, because they are short.
POPULATION, SMALL, SMALL_STEPS = 32, ("33k", "262k", "1m"), 200


def run() -> list[dict[str, Any]]:
    """One row per step; on an accelerator also a population beside its runs one by one."""
    if jax.default_backend() == "cpu":
        return list(estimated())
    with _runs.corpus() as text:
        rows = [
            measured(SIZES["130m"], optimizer, text, batch=BATCH, dtype="bfloat16", steps=STEPS)
            for optimizer in ("adamw", "muon", "kron", "soap")
        ]
        for size in SMALL:
            row = population(SIZES[size], text, POPULATION, steps=SMALL_STEPS)
            rows.append({"size": size, **row})
        return rows


def measured(
    model: ModelSpec, optimizer: str, text: Corpus, *, batch: int, dtype: str, steps: int
) -> dict[str, Any]:
    """The median step of a training on this device."""
    (result,) = _trained(
        [_run(model, optimizer, text, batch=batch, dtype=dtype, steps=steps)], text
    )
    device = jax.devices()[0].device_kind
    flops = batch * model.context * model.flops_per_token
    row = {
        "how": "measured",
        "device": device,
        "optimizer": optimizer,
        "attention": result.environment["attention"],
        "activations": result.environment["activations"],
        "micro_batches": result.environment["micro-batches"],
        "step_seconds": result.step_seconds,
    }
    share = 100 * flops / result.step_seconds / PEAKS[device] if device in PEAKS else None
    return row | {"peak_percent": share}


def population(model: ModelSpec, text: Corpus, count: int, *, steps: int) -> dict[str, Any]:
    """How many times faster so many runs train as one program than one by one."""
    one = _run(model, "adamw", text, batch=_runs.BATCH_SIZE, dtype="float32", steps=steps)
    many = [msgspec.structs.replace(one, seed=seed) for seed in range(count)]
    # The seconds of a result are its share of the population's.
    alone, together = (_trained(runs, text)[0].step_seconds for runs in ([one], many))
    return {
        "how": "measured",
        "device": jax.devices()[0].device_kind,
        "population": count,
        "alone_ms": 1e3 * alone,
        "share_ms": 1e3 * together,
        "times_faster": alone / together,
    }


def estimated() -> Iterator[dict[str, Any]]:
    """The table's rows, each compiled where no earlier call has."""
    for cell in compiled_steps.cells():
        yield {"how": "estimated by the compiler", **compiled_steps.row(*cell)}


def _run(
    model: ModelSpec, optimizer: str, text: Corpus, *, batch: int, dtype: Any, steps: int
) -> RunSpec:
    return RunSpec(
        model=model,
        data=text.spec,
        optimizer=resolve(optimizer, {}),
        batch_size=batch,
        steps=steps,
        evaluation_sequences=1,
        compute_dtype=dtype,
    )


def _trained(runs: list[RunSpec], text: Corpus) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        return train(runs, text, Path(folder) / "run", Policy(checkpoint_seconds=0))
