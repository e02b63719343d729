"""What a whole training step costs with each optimizer, over AdamW's, and the memory of its state.

On an accelerator these are the shapes of 130m with a batch of 0.5M tokens; on a CPU a fourth of its
width, an eighth of its depth and few tokens, which makes every optimizer look dearer than it is:
its share falls as the batch grows. Ten steps are timed, the second ten of a training: work of every
tenth step counts as often as it occurs, and the eigenvectors of the very first step do not. Each is
timed in turns with AdamW, because machines are shared.
"""

import statistics
import time
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import msgspec

from bestiary.optimizers import CATALOGUE, resolve
from bestiary.specs import SIZES, DataSpec, RunSpec
from bestiary.train._step import Recipe, hyper, recipe, start, take_step

STEPS = 10
ROUNDS = 3


def run() -> list[dict[str, Any]]:
    """One row per optimizer: medians of all rounds."""
    base = _Trained("adamw")
    return [_row(name, base) for name in CATALOGUE]


def _row(name: str, base: "_Trained") -> dict[str, Any]:
    own = _Trained(name)
    times = [(own.seconds(), base.seconds()) for _ in range(ROUNDS)]
    return {
        "benchmark": "optimizer_steps",
        "optimizer": name,
        "step_ms": 1e3 * statistics.median(seconds for seconds, _ in times),
        "over_adamw": statistics.median(seconds / other for seconds, other in times),
        "state_mb": own.state_bytes / 1e6,
        "state_bytes_per_parameter": own.state_bytes / own.parameters,
    }


class _Trained:
    """A training with an optimizer's starting configuration, `STEPS` old."""

    def __init__(self, optimizer: str) -> None:
        run = _run(optimizer)
        of, self._hyper = recipe(run), hyper(run)
        shape = (run.batch_size, run.model.context + 1)
        self._tokens = jax.random.randint(jax.random.key(0), shape, 0, run.model.vocabulary)
        self._steps = jax.jit(partial(_steps, of))
        self._begun = jax.jit(partial(start, of))(self._hyper)
        self._begun = jax.block_until_ready(self._after_steps(0))

    def seconds(self) -> float:
        """Mean seconds of a step."""
        before = time.perf_counter()
        jax.block_until_ready(self._after_steps(STEPS))
        return (time.perf_counter() - before) / STEPS

    def _after_steps(self, first: int) -> Any:
        return self._steps(self._begun, self._hyper, self._tokens, jnp.int32(first))

    @property
    def parameters(self) -> int:
        """Of the model."""
        return sum(leaf.size for leaf in jax.tree.leaves(self._begun[0]))

    @property
    def state_bytes(self) -> int:
        """Of the optimizer."""
        return sum(leaf.nbytes for leaf in jax.tree.leaves(self._begun[1]))


def _steps(of: Recipe, begun: Any, hyper: Any, tokens: Any, first: Any) -> Any:
    def one(carried: Any, step: Any) -> tuple[Any, None]:
        params, state, _ = take_step(of, *carried, hyper=hyper, tokens_BS=tokens, step=step)
        return (params, state), None

    return jax.lax.scan(one, begun, first + jnp.arange(STEPS))[0]


def _run(optimizer: str) -> RunSpec:
    accelerated = jax.default_backend() != "cpu"
    small = {
        "layers": 4,
        "hidden": 128,
        "intermediate": 512,
        "heads": 2,
        "key_value_heads": 2,
        "context": 128,
        "vocabulary": 512,
    }
    model = msgspec.structs.replace(SIZES["130m"], **({} if accelerated else small))
    return RunSpec(
        model=model,
        data=DataSpec(name="", digest="0" * 64),
        optimizer=resolve(optimizer, {}),
        batch_size=128 if accelerated else 4,
        accumulation=16 if accelerated else 1,
        steps=10**4,
        compute_dtype="bfloat16" if accelerated else "float32",
    )
