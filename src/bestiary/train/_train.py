"""Train a population of runs: the one entrance to everything in this folder."""

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import jax

from bestiary import data
from bestiary.errors import UserError
from bestiary.specs import RunResult, RunSpec
from bestiary.store import CHECKPOINTS
from bestiary.train import _checkpoints
from bestiary.train._checks import check_memory, check_space, checked_runs
from bestiary.train._compilation import enable_compilation_cache
from bestiary.train._folder import claimed
from bestiary.train._memory import micro_batches, recomputed, smaller
from bestiary.train._mesh import check_placement
from bestiary.train._peers import together
from bestiary.train._policy import Policy
from bestiary.train._session import Session, named_activations, restored
from bestiary.train._stopping import StopQuestion, stop_requests
from bestiary.train._threads import one_thread, start_jax

_DEFAULT = Policy()
_LOG = logging.getLogger(__name__)
_EXHAUSTED = "RESOURCE_EXHAUSTED"


def train(
    runs: Sequence[RunSpec], corpus: data.Corpus, folder: str | Path, policy: Policy = _DEFAULT
) -> list[RunResult]:
    """Train runs of equal shape as one compiled program, a population of one or more.

    The runs may differ in seed, in continuous hyperparameters and in schedule parameters; model,
    data, batch, steps, optimizer and static settings are the same. A run whose loss is not finite
    is `diverged`, which is a result; the others go on. The same runs give the same bits on the same
    kind of machine and placement, however they are interrupted, resumed and divided into
    dispatches; a population may differ from the same runs one by one in the last bits.

    Args:
        runs: What to train.
        corpus: The prepared corpus that the runs name.
        folder: Of this attempt, made where it is missing: `metrics-<run id>.jsonl` of each run, and
            `checkpoints/`.
        policy: How it is carried out: checkpoints, resuming, progress.

    Returns:
        One result per run, in the same order. The times are its share of the population's, whose
        number of runs is in its environment.

    Raises:
        UserError: the runs, the corpus or the folder are wrong; nothing was computed.
        StopRequested: asked to stop; a checkpoint is written.
        DiskError: the disk is full; what was saved is intact.
    """
    folder = Path(folder)
    runs = checked_runs(runs, corpus)
    start_jax()
    check_placement(runs, policy.placement)
    check_memory(runs)
    check_space(runs, folder, policy)
    with (
        together(),
        claimed(folder, policy),
        stop_requests(policy.should_stop) as stop,
        one_thread(),
    ):
        enable_compilation_cache()
        return _results(runs, corpus, folder, policy=policy, stop=stop)


def _results(
    runs: Sequence[RunSpec],
    corpus: data.Corpus,
    folder: Path,
    *,
    policy: Policy,
    stop: StopQuestion,
) -> list[RunResult]:
    """Train with micro-batches that fit; with smaller ones where the device says they do not."""
    parts = micro_batches(runs, policy.placement)
    again = recomputed(runs, policy.placement, parts)
    while True:
        try:
            return Session(
                runs,
                corpus,
                folder,
                policy=policy,
                stop=stop,
                micro_batches=parts,
                recompute=again,
            ).results()
        except jax.errors.JaxRuntimeError as error:
            less = smaller(runs[0], policy.placement, parts, again)
            if less is None or _EXHAUSTED not in str(error) or jax.process_count() > 1:
                raise
            parts, again = less
        _LOG.warning(
            "the device's memory is exhausted: going on with %d micro-batches a step, activations "
            "%s",
            parts,
            named_activations(again),
        )
        policy = replace(policy, resume_from=(*policy.earlier, folder))


def trained(folder: str | Path) -> list[tuple[RunSpec, Any]]:
    """The runs of an attempt and the parameters of its newest checkpoint, for export.

    Args:
        folder: Of an attempt whose policy had `checkpoint_final`.

    Returns:
        Each run of the population with its parameters, those to evaluate.

    Raises:
        UserError: there is no checkpoint.
        CheckpointError: the newest is not what was written.
    """
    checkpoints = Path(folder) / CHECKPOINTS
    steps = _checkpoints.steps(checkpoints)
    if not steps:
        raise UserError(f"no checkpoint in {folder}; train with a final checkpoint first")
    with one_thread():
        return restored(checkpoints / str(steps[-1]))
