"""Whole training steps of the study's sizes: measured on an accelerator, where there is one.

Without one they are the compiler's estimate for slices of TPU v5e (`bestiary compile`), and every
row says which of the two it is. A row to compile takes minutes of a core and hundreds a whole
table: each is kept in the cache of Bestiary, for this code, and a second call goes on.

Steps have 128 sequences of 4,096 tokens, bfloat16 products, a vocabulary of 128,256.
"""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import msgspec

from benchmarks import _runs
from bestiary.data import Corpus
from bestiary.optimizers import resolve
from bestiary.specs import SIZES, ModelSpec, RunSpec
from bestiary.store import code_digest
from bestiary.train import Policy, cache_folder, train

STUDIED = ("130m", "300m", "520m", "1.2b")
OPTIMIZERS = (
    *("adamw", "muon", "kron", "soap", "lion", "nadamw"),
    *("mars", "cautious", "adam_mini", "scion", "sophia"),
)
SLICES = ("v5e:2x4", "v5e:4x4", "v5e:8x8", "v5e:16x16")
BATCH, STEPS = 128, 10
POPULATION, SMALL = 32, "1m"
# FLOP/s of dense bfloat16 products, as the makers state them, by JAX's name of the device.
PEAKS = {"NVIDIA H100 80GB HBM3": 989e12, "NVIDIA H200": 989e12, "TPU v5 lite": 197e12}


def run() -> list[dict[str, Any]]:
    """One row per step; on an accelerator also a population beside its runs one by one."""
    if jax.default_backend() == "cpu":
        return list(estimated())
    with _runs.corpus() as text:
        rows = [
            measured(SIZES["130m"], optimizer, text, batch=BATCH, dtype="bfloat16", steps=STEPS)
            for optimizer in OPTIMIZERS[:4]
        ]
        return [*rows, population(SIZES[SMALL], text, POPULATION)]


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
        "step_seconds": result.step_seconds,
    }
    share = 100 * flops / result.step_seconds / PEAKS[device] if device in PEAKS else None
    return row | {"peak_percent": share}


def population(model: ModelSpec, text: Corpus, count: int) -> dict[str, Any]:
    """How many times faster so many runs train as one program than one by one."""
    one = _run(model, "adamw", text, batch=_runs.BATCH_SIZE, dtype="float32", steps=STEPS)
    many = [msgspec.structs.replace(one, seed=seed) for seed in range(count)]
    alone, together = _trained([one], text)[0], _trained(many, text)[0]
    return {
        "how": "measured",
        "device": jax.devices()[0].device_kind,
        "population": count,
        "step_seconds": together.step_seconds,
        "times_faster": count * alone.step_seconds / together.step_seconds,
    }


def estimated() -> Iterator[dict[str, Any]]:
    """The table's rows, each compiled where no earlier call has."""
    cells = [(size, one, where) for where in SLICES for size in STUDIED for one in OPTIMIZERS]
    for cell in cells:
        kept = _place(*cell)
        if not kept.exists():
            kept.parent.mkdir(parents=True, exist_ok=True)
            kept.write_text(_compiled(*cell))
        yield _row(*cell, found=json.loads(kept.read_text()))


def _place(size: str, optimizer: str, topology: str) -> Path:
    name = f"{size}-{optimizer}-{topology.replace(':', '-')}.json"
    return cache_folder() / "compiled-for-chips" / code_digest() / name


def _compiled(size: str, optimizer: str, topology: str) -> str:
    flags = ["--size", size, "--optimizer", optimizer, "--topology", topology]
    command = [sys.executable, "-m", "bestiary.cli", "compile", *flags, "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if not done.stdout:
        sys.exit(f"could not compile {size}, {optimizer}, {topology}: see above")
    return done.stdout


def _row(size: str, optimizer: str, topology: str, *, found: dict[str, Any]) -> dict[str, Any]:
    row = {"how": "estimated by the compiler", "size": size, "optimizer": optimizer}
    row |= {"topology": topology, "mesh": found["placement"], "fits": str(found["fits"])}
    row |= {"micro_batches": found["accumulation"], "GB_a_chip": found["needed"] / 1e9}
    if not found["fits"]:
        return row
    return row | {
        "step_seconds": found["seconds"],
        "peak_percent": 100 * found["share"],
        "optimizer_percent": 100 * found["optimizer_seconds"] / found["seconds"],
    }


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
