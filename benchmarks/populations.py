"""Populations: tokens per second of K runs as one program, over those of one at a time.

AdamW, 16 sequences of 128 bytes a step, clipping and metrics as in any run; on the cores that the
process has, one thread as always on a CPU. Sizes of a row take turns, and of each the fastest of
the rounds counts: other work on the machine only slows.
"""

import tempfile
from pathlib import Path
from typing import Any

from benchmarks import _runs
from bestiary.data import Corpus
from bestiary.optimizers import CATALOGUE, resolve
from bestiary.specs import RUN_COORDINATES, SIZES, RunSpec
from bestiary.train import Policy, train

NAMES = ("8k", "33k", "65k", "262k")
MEMBERS = (1, 2, 4, 8, 16)
ROUNDS = 3
# FLOPs of one run of one round: a second or two of a core.
FLOPS = 6e9
LEAST_STEPS = 20


def run() -> list[dict[str, Any]]:
    """Rows of tokens per second, for every size and number of runs."""
    with _runs.corpus() as text:
        return [row for name in NAMES for row in _of_size(name, text)]


def _of_size(name: str, text: Corpus) -> list[dict[str, Any]]:
    fastest = dict.fromkeys(MEMBERS, 0.0)
    for _ in range(ROUNDS):
        for members in MEMBERS:
            fastest[members] = max(fastest[members], _tokens_per_second(name, members, text))
    return [
        {
            "benchmark": "populations",
            "size": name,
            "runs": members,
            "tokens_per_second": round(rate),
            "over_one_at_a_time": rate / fastest[1],
        }
        for members, rate in fastest.items()
    ]


def _tokens_per_second(name: str, members: int, text: Corpus) -> float:
    model = SIZES[name]
    tokens = _runs.BATCH_SIZE * model.context
    start = CATALOGUE["adamw"].start
    settings = {key: value for key, value in start.items() if key not in RUN_COORDINATES}
    runs = [
        RunSpec(
            model=model,
            data=text.spec,
            optimizer=resolve("adamw", {**settings, "learning_rate": 1e-3 * (1 + index)}),
            batch_size=_runs.BATCH_SIZE,
            steps=max(LEAST_STEPS, int(FLOPS / (model.flops_per_token * tokens))),
            evaluation_sequences=1,
        )
        for index in range(members)
    ]
    with tempfile.TemporaryDirectory() as folder:
        result = train(runs, text, Path(folder) / "run", Policy(checkpoint_seconds=0))[0]
    return tokens / result.step_seconds  # its share of the population's step
