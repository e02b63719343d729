"""The runs that benchmarks time: three small shapes on the standard library's text."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bestiary.data import Corpus, prepare, source
from bestiary.optimizers import CATALOGUE, resolve
from bestiary.specs import RUN_COORDINATES, SIZES, RunResult, RunSpec
from bestiary.train import Policy, train

SHAPES = {"a": SIZES["262k"], "b": SIZES["1m"], "c": SIZES["4m"]}
BATCH_SIZE = 16


@contextmanager
def corpus() -> Iterator[Corpus]:
    """The standard library's text, prepared into a temporary folder."""
    with tempfile.TemporaryDirectory() as folder:
        yield prepare([source("stdlib")], folder)


def timed(
    shape: str, optimizer: str, steps: int, text: Corpus, batch_size: int = BATCH_SIZE
) -> RunResult:
    """Train with an optimizer's starting configuration; no evaluation beyond one sequence."""
    start = CATALOGUE[optimizer].start
    settings = {name: value for name, value in start.items() if name not in RUN_COORDINATES}
    run = RunSpec(
        model=SHAPES[shape],
        data=text.spec,
        optimizer=resolve(optimizer, settings),
        batch_size=batch_size,
        steps=steps,
        evaluation_sequences=1,
    )
    with tempfile.TemporaryDirectory() as folder:
        return train([run], text, Path(folder) / "run", Policy(checkpoint_seconds=0))[0]
