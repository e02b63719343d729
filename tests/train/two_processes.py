"""One process of a run, over one device of its own each; for a test of several.

python two_processes.py CORPORA DIGEST FOLDER STEPS EVERY COORDINATOR PROCESSES PROCESS prints the
losses of the whole run, in the first process, and writes a checkpoint at EVERY step of so many.
Without a coordinator it is alone.
"""

import json
import sys
from pathlib import Path

import jax
from eight_devices import ODD

from bestiary import optimizers
from bestiary.data import Corpus
from bestiary.specs import Placement, RunSpec, ScheduleSpec
from bestiary.train import (
    Policy,
    join_peers,
    leads,
    metrics_file,
    read_metrics,
    train,
)


def main(corpora: str, digest: str, folder: str, steps: str, every: str, *peers: str) -> None:
    if peers:
        join_peers(peers[0], int(peers[1]), int(peers[2]))
    corpus = Corpus.open(corpora, digest)
    run = RunSpec(
        model=ODD,
        data=corpus.spec,
        optimizer=optimizers.resolve("muon", {"learning_rate": 0.01}),
        schedule=ScheduleSpec(warmup_steps=3.0),
        batch_size=4,
        steps=int(steps),
        evaluation_sequences=6,
    )
    policy = Policy(
        resume_from=Path(folder),
        placement=Placement(shard=jax.device_count()),
        checkpoint_every=int(every),
        steps_per_dispatch=5,
    )
    (result,) = train([run], corpus, folder, policy)
    if leads():
        rows = read_metrics(metrics_file(Path(folder), result.run_id))
        found = {"train": [row.loss for row in rows], "environment": result.environment}
        print(json.dumps(found | {"report": result.loss["report"]}))


if __name__ == "__main__":
    main(*sys.argv[1:])
