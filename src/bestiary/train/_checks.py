"""What must hold before anything is computed or written: one line for each way it may not."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import jax

from bestiary import data, optimizers
from bestiary.errors import DiskError, UserError
from bestiary.specs import ONE_DEVICE, Placement, RunSpec, checked, least_bytes, run_id
from bestiary.store import machine_bytes
from bestiary.train._checkpoints import KEPT
from bestiary.train._mesh import check_placement
from bestiary.train._policy import Policy
from bestiary.train._step import recipe
from bestiary.train._threads import start_jax

# Parameters and two moments, float32: what nearly every optimizer checkpoints.
_CHECKPOINT_BYTES_PER_PARAMETER = 12


def checked_runs(runs: Sequence[RunSpec], corpus: data.Corpus) -> list[RunSpec]:
    """The runs, if they can be trained on this corpus as one program.

    Raises:
        UserError: no runs, a run twice, runs of different shapes, an optimizer that is not
            completely stated, another corpus, or a corpus that the model cannot read.
    """
    if not runs:
        raise UserError("train needs at least one run, got none")
    runs = [checked(run) for run in runs]
    if len({run_id(run) for run in runs}) < len(runs):
        raise UserError("every run of a population must differ, but one occurs twice; remove it")
    for run in runs:
        _check_optimizer(run)
        _check_data(run, corpus)
        _check_same_program(runs[0], run)
    return runs


def check_run(run: RunSpec, placement: Placement = ONE_DEVICE) -> None:
    """What can be refused of a run before any text is read.

    Raises:
        UserError: an optimizer that is not completely stated, devices that are not there or do not
            divide the batch, or too little memory.
    """
    start_jax()  # before the first look at its devices, which starts it with every core
    _check_optimizer(run)
    check_placement([run], placement)
    check_memory([run])


def check_memory(runs: Sequence[RunSpec]) -> None:
    """Refuse runs that this machine's memory cannot hold, where it is they that compute in it.

    Raises:
        UserError: too little memory, also for one sequence at a time.
    """
    run = runs[0]
    need = len(runs) * least_bytes(run.model, 1, run.batch_size)
    if jax.default_backend() == "cpu" and need > (there := machine_bytes()):
        raise UserError(
            f"this training takes at least {need / 1e9:,.1f} GB of memory, but there are "
            f"{there / 1e9:,.1f} GB; take a smaller batch or model"
        )


def check_space(runs: Sequence[RunSpec], folder: Path, policy: Policy) -> None:
    """Refuse a disk that cannot hold the checkpoints that will be kept.

    Raises:
        DiskError: too little free space.
    """
    if not (policy.checkpoint_seconds or policy.checkpoint_every or policy.checkpoint_final):
        return
    need = len(runs) * checkpoint_bytes(runs[0].model.parameters)
    existing = next(path for path in (folder, *folder.absolute().parents) if path.exists())
    free = shutil.disk_usage(existing).free
    if free < need:
        raise DiskError(
            f"checkpoints of these runs need about {need / 1e6:.1f} MB, "
            f"but {existing} has {free / 1e6:.1f} MB free; free space or name another folder"
        )


def checkpoint_bytes(parameters: int) -> int:
    """Disk that a run needs for its checkpoints: those kept, and the one that is being written."""
    return (KEPT + 1) * _CHECKPOINT_BYTES_PER_PARAMETER * parameters


def _check_optimizer(run: RunSpec) -> None:
    stated = optimizers.resolve(run.optimizer.name, run.optimizer.settings)
    for name in stated.settings:
        if name not in run.optimizer.settings:
            raise UserError(
                f"a run states every hyperparameter, but {run.optimizer.name} lacks {name!r}; "
                "use optimizers.resolve"
            )
    if stated.package != run.optimizer.package:
        raise UserError(
            f"the run is for {run.optimizer.name} of {run.optimizer.package or 'the catalogue'}, "
            f"but {stated.package or 'the catalogue'} has it here; state the run anew"
        )


def _check_data(run: RunSpec, corpus: data.Corpus) -> None:
    if run.data.digest != corpus.spec.digest:
        raise UserError(
            f"the run is for corpus {run.data.name!r} ({run.data.digest[:12]}), "
            f"not {corpus.spec.name!r} ({corpus.spec.digest[:12]}); open that one"
        )
    if corpus.vocabulary > run.model.vocabulary:
        raise UserError(
            f"the model's vocabulary must cover the corpus, got {run.model.vocabulary} "
            f"for {corpus.vocabulary} token ids; enlarge the model's"
        )
    corpus.require(run.model.context)


def _check_same_program(first: RunSpec, run: RunSpec) -> None:
    same = ("steps", "evaluate_every", "evaluation_sequences")
    left = {name: getattr(first, name) for name in same} | vars(recipe(first))
    right = {name: getattr(run, name) for name in same} | vars(recipe(run))
    for name, value in left.items():
        if right[name] != value:
            raise UserError(
                f"runs of one population must have equal {name}, got {value} and {right[name]}; "
                "train them separately"
            )
