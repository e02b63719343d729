"""One training to be timed beside others: `python -m benchmarks._peer KIND SIZE [CORE]`.

It compiles, prints `ready`, waits for a line on its standard input, trains for a few seconds and
prints tokens per second. KIND is `ours`, `torch` or `torch.compile`. With CORE it keeps to that one
core; ours computes on one thread in any case, torch on as many threads as it has cores.

Both sides train the shape of SIZE at the same batch (16 sequences, at 17m 4) in float32 by AdamW:
gradients clipped at norm 1, warm-up and cosine, the loss and the norm of the gradient read at every
step.
"""

import math
import os
import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks import _runs
from bestiary.specs import SIZES, ModelSpec

SECONDS = 5.0
# A step of less is timed over several.
QUICK_SECONDS = 0.5
# 16 sequences at 17m are half a minute of a core a step.
LARGE, FEW_SEQUENCES = "17m", 4


def main() -> None:
    kind, size, *core = sys.argv[1:]
    if core:
        _keep_to(int(core[0]))
    model, sequences = SIZES[size], FEW_SEQUENCES if size == LARGE else _runs.BATCH_SIZE
    if kind == "ours":
        train = _ours(model, sequences)
    else:
        train = _torchs(model, sequences, kind == "torch.compile", bool(core))
    train(1)  # compiles
    seconds_a_step = train(1)
    if seconds_a_step < QUICK_SECONDS:
        seconds_a_step = train(math.ceil(QUICK_SECONDS / seconds_a_step))
    steps = max(2, math.ceil(SECONDS / seconds_a_step))
    print("ready", flush=True)
    sys.stdin.readline()
    print(sequences * model.context / train(steps), flush=True)


def _keep_to(core: int) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {core})


def _ours(model: ModelSpec, sequences: int) -> Callable[[int], float]:
    """Seconds of a step of the trainer itself, over a number of steps."""
    _runs.SHAPES["peer"] = model
    text = _runs.corpus().__enter__()  # until the process ends
    return lambda steps: _runs.timed("peer", "adamw", steps, text, sequences).step_seconds


def _torchs(
    model: ModelSpec, sequences: int, compiled: bool, pinned: bool
) -> Callable[[int], float]:
    import torch

    from benchmarks._torch_model import Llama

    torch.manual_seed(0)
    torch.set_num_threads(1 if pinned else len(os.sched_getaffinity(0)))
    llama = Llama(model)
    loss_of: Any = torch.compile(llama, mode="max-autotune-no-cudagraphs") if compiled else llama
    optimizer = torch.optim.AdamW(
        llama.parameters(), lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True
    )
    text = torch.randint(0, model.vocabulary, (2**20,))
    shape = (sequences, model.context + 1)

    def timed(steps: int) -> float:
        schedule = torch.optim.lr_scheduler.LambdaLR(
            optimizer, lambda step: 0.5 * (1 + math.cos(math.pi * min(step, steps) / steps))
        )
        starts = torch.randint(0, len(text) - shape[1], (steps, shape[0], 1))
        offsets = torch.arange(shape[1])
        readings = []
        began = time.perf_counter()
        for step in range(steps):
            loss = loss_of(text[starts[step] + offsets])
            loss.backward()
            norm = torch.nn.utils.clip_grad_norm_(llama.parameters(), 1.0, foreach=True)
            optimizer.step()
            schedule.step()
            optimizer.zero_grad()
            readings.append((loss.item(), norm.item()))
        return (time.perf_counter() - began) / steps

    return timed


if __name__ == "__main__":
    main()
