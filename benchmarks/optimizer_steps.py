"""What a whole training step costs with each optimizer, over AdamW's, and the memory of its state.

On an accelerator these are the shapes of 130m with a batch of 0.5M tokens; on a CPU a fourth of its
width, two layers and few tokens, which makes every optimizer look dearer than it is:
its share falls as the batch grows. What an optimizer adds does not depend on the batch, so it is
timed on few sequences, in turns with AdamW because machines are shared; AdamW's step with all of
them is timed once. Ten steps are timed, after ten others: work of every tenth step counts
as often as it occurs, the eigenvectors of the first step do not. They begin at the step at which
Kron fits as often as in the mean over 130m at 1x Chinchilla.

Usage, beside `python -m benchmarks optimizer_steps`: python -m benchmarks.optimizer_steps NAME ...
"""

import statistics
import sys
import time
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import msgspec

from bestiary.optimizers import CATALOGUE, resolve
from bestiary.specs import SIZES, DataSpec, ModelSpec, RunSpec
from bestiary.train._kernels import chosen_kernels
from bestiary.train._program import program
from bestiary.train._step import Recipe, hyper, recipe, take_step

STEPS = 10
ROUNDS = 3
FIRST = 1600


@dataclass(frozen=True)
class Setting:
    """What is trained: a step is `accumulation` micro-batches of so many sequences.

    What an optimizer adds is timed on `few` of them.
    """

    model: ModelSpec
    micro_batch: int
    accumulation: int
    few: int
    compute_dtype: str


ACCELERATOR = Setting(
    SIZES["130m"], micro_batch=16, accumulation=8, few=1, compute_dtype="bfloat16"
)
CPU = Setting(
    msgspec.structs.replace(
        SIZES["130m"],
        layers=2,
        hidden=128,
        intermediate=512,
        heads=2,
        key_value_heads=2,
        context=128,
        vocabulary=512,
    ),
    micro_batch=4,
    accumulation=1,
    few=4,
    compute_dtype="float32",
)


def run() -> list[dict[str, Any]]:
    """One row per optimizer, in the setting of this machine."""
    return rows(CPU if jax.default_backend() == "cpu" else ACCELERATOR, list(CATALOGUE))


def rows(setting: Setting, optimizers: list[str]) -> list[dict[str, Any]]:
    """One row per optimizer: medians of all rounds."""
    base = Trained("adamw", _small(setting))
    whole = base if _small(setting) == setting else Trained("adamw", setting)
    whole_seconds = statistics.median(whole.seconds() for _ in range(ROUNDS))
    del whole
    return [_row(name, setting, base, whole_seconds) for name in optimizers]


def _row(name: str, setting: Setting, base: "Trained", whole_seconds: float) -> dict[str, Any]:
    own = Trained(name, _small(setting))
    added = statistics.median(own.seconds() - base.seconds() for _ in range(ROUNDS))
    return {
        "benchmark": "optimizer_steps",
        "optimizer": name,
        "step_ms": 1e3 * (whole_seconds + added),
        "added_ms": 1e3 * added,
        "over_adamw": 1 + added / whole_seconds,
        "state_mb": own.state_bytes / 1e6,
        "state_bytes_per_parameter": own.state_bytes / own.parameters,
        "peak_mb": own.peak_bytes / 1e6,
    }


def _small(setting: Setting) -> Setting:
    return replace(setting, micro_batch=setting.few, accumulation=1)


class Trained:
    """A training with an optimizer's starting configuration.

    Attributes:
        parameters: Of the model.
        state_bytes: Of the optimizer.
        peak_bytes: Parameters, state and temporary memory of the compiled steps.
    """

    def __init__(self, optimizer: str, setting: Setting) -> None:
        """Compile, and take the first steps, of which the first may differ."""
        run = _run(optimizer, setting)
        kernels = replace(chosen_kernels(run), recompute=False)
        of, self._hyper = recipe(run, 0, kernels), hyper(run)
        shape = (run.batch_size, run.model.context + 1)
        self._tokens = jax.random.randint(jax.random.key(0), shape, 0, run.model.vocabulary)
        start, _ = program(of, 1, True).start.compiled(self._hyper)
        self._trained = start(self._hyper)
        self.parameters, self.state_bytes = (
            sum(leaf.nbytes for leaf in jax.tree.leaves(tree)) for tree in self._trained
        )
        self.parameters //= jnp.float32(0).nbytes
        steps = jax.jit(partial(_steps, of), donate_argnums=0)
        self._steps = steps.lower(*self._arguments(0)).compile()
        memory = self._steps.memory_analysis()
        self.peak_bytes = memory.argument_size_in_bytes + memory.temp_size_in_bytes
        self._advance(0)

    def seconds(self) -> float:
        """Mean seconds of a step."""
        before = time.perf_counter()
        self._advance(FIRST)
        return (time.perf_counter() - before) / STEPS

    def _advance(self, first: int) -> None:
        self._trained = jax.block_until_ready(self._steps(*self._arguments(first)))

    def _arguments(self, first: int) -> tuple[Any, ...]:
        return self._trained, self._hyper, self._tokens, jnp.int32(first)


def _steps(of: Recipe, trained: Any, hyper: Any, tokens: Any, first: Any) -> Any:
    def one(carried: Any, step: Any) -> tuple[Any, None]:
        params, state, _ = take_step(of, *carried, hyper=hyper, tokens_BS=tokens, step=step)
        return (params, state), None

    return jax.lax.scan(one, trained, first + jnp.arange(STEPS))[0]


def _run(optimizer: str, setting: Setting) -> RunSpec:
    return RunSpec(
        model=setting.model,
        data=DataSpec(name="", digest="0" * 64),
        optimizer=resolve(optimizer, {}),
        batch_size=setting.micro_batch * setting.accumulation,
        accumulation=setting.accumulation,
        steps=10**4,
        compute_dtype=setting.compute_dtype,
    )


if __name__ == "__main__":
    here = CPU if jax.default_backend() == "cpu" else ACCELERATOR
    for row in rows(here, sys.argv[1:]):
        print(row, flush=True)
