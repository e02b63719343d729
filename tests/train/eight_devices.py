"""Trains on eight virtual devices, for a test: JAX has as many as it was started with.

python eight_devices.py CORPORA DIGEST FOLDER OPTIMIZER MESH... prints the losses of each mesh; of a
mesh written as `A>B` the run stops half way over A and goes on over B, and of one written as `A~N`
every initial weight is moved to a neighbouring float32, up or down as the seed N has it.
"""

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np

from bestiary import optimizers
from bestiary.data import Corpus
from bestiary.errors import StopRequested
from bestiary.specs import ModelSpec, RunSpec, ScheduleSpec, placement_from
from bestiary.train import Policy, _program, metrics_file, read_metrics, train

# No side of it divides by eight but the batch's.
ODD = ModelSpec(
    layers=1,
    hidden=12,
    intermediate=20,
    heads=2,
    key_value_heads=1,
    context=15,
    vocabulary=258,
)


def losses(run: RunSpec, corpus: Corpus, folder: Path, meshes: str) -> dict[str, object]:
    result = None
    for mesh in meshes.split(">"):
        last = mesh == meshes.split(">")[-1]
        policy = Policy(
            resume_from=folder,
            placement=placement_from(mesh),
            checkpoint_seconds=0,
            steps_per_dispatch=run.steps // 2,
            should_stop=lambda last=last: not last,  # type: ignore[misc]
        )
        try:
            (result,) = train([run], corpus, folder, policy)
        except StopRequested:
            continue
    assert result is not None
    rows = read_metrics(metrics_file(folder, result.run_id))
    return {
        "train": [row.loss for row in rows],
        "report": result.loss["report"],
        "placement": result.environment["placement"],
        "moved": result.environment.get("moved", ""),
    }


@contextmanager
def nudged(seed: str) -> Iterator[None]:
    """Starts from weights that are an ulp off; nothing for no seed."""
    compiled = _program.Timed.compiled

    def moved(self: Any, *arguments: Any) -> Any:
        executable, seconds = compiled(self, *arguments)
        if len(arguments) > 1:
            return executable, seconds
        return (lambda *given: _moved(*executable(*given), seed=int(seed))), seconds

    _program.Timed.compiled = moved if seed else compiled  # type: ignore[method-assign]
    yield
    _program.Timed.compiled = compiled  # type: ignore[method-assign]


def _moved(params: Any, state: Any, *, seed: int) -> Any:
    rng = np.random.default_rng(seed)

    def neighbour(leaf: Any) -> Any:
        to = rng.choice(np.array([-np.inf, np.inf], np.float32), leaf.shape)
        return jax.device_put(np.nextafter(np.asarray(leaf), to), leaf.sharding)

    return jax.tree.map(neighbour, params), state


def main(corpora: str, digest: str, folder: str, optimizer: str, *meshes: str) -> None:
    corpus = Corpus.open(corpora, digest)
    run = RunSpec(
        model=ODD,
        data=corpus.spec,
        optimizer=optimizers.resolve(optimizer, {"learning_rate": 0.01}),
        schedule=ScheduleSpec(warmup_steps=3.0),
        batch_size=16,
        accumulation=2,
        steps=20,
        evaluation_sequences=6,
    )
    assert jax.device_count() == 8
    found = {}
    for index, mesh in enumerate(meshes):
        with nudged(mesh.partition("~")[2]):
            found[mesh] = losses(run, corpus, Path(folder) / str(index), mesh.partition("~")[0])
    print(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
