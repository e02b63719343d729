"""From a configuration of a candidate in a cell to the run that trains it."""

import math
from functools import lru_cache

import msgspec

from bestiary.errors import UserError, unknown
from bestiary.specs import (
    RUN_COORDINATES,
    Candidate,
    Cell,
    ComputeDtype,
    Configuration,
    DataSpec,
    ModelSpec,
    OptimizerSpec,
    Planned,
    RunSpec,
    ScheduleKind,
    ScheduleSpec,
    Spec,
    Study,
    checked,
    run_id,
)


def model_of(study: Study, cell: Cell) -> ModelSpec:
    """The model of a cell.

    Raises:
        UserError: the study has no size of that name.
    """
    if cell.size not in study.sizes:
        raise unknown("size", cell.size, study.sizes)
    return study.sizes[cell.size]


def tuning_run(study: Study, candidate: Candidate, cell: Cell, values: Configuration) -> Planned:
    """The run that measures a configuration while tuning: the tuning seed, evaluated at the end.

    Raises:
        UserError: the configuration cannot run in that cell.
    """
    run = _run(study, candidate, cell, values)
    run = msgspec.structs.replace(run, seed=study.tuning.seed)
    return _planned(run, candidate, cell, values, "tune")


def report_run(
    study: Study, candidate: Candidate, cell: Cell, values: Configuration, *, seed: int
) -> Planned:
    """The run that reports a winner on a fresh seed, evaluated `study.evaluations` times.

    Raises:
        UserError: the configuration cannot run in that cell.
    """
    run = _run(study, candidate, cell, values)
    every = -(-run.steps // study.evaluations)
    run = msgspec.structs.replace(run, seed=seed, evaluate_every=every)
    return _planned(run, candidate, cell, values, "report")


def identity(run: RunSpec) -> str:
    """`specs.run_id`, remembered: after every result, planning asks for the same runs again."""
    return _identity(msgspec.json.encode(run, order="sorted"))


@lru_cache(maxsize=20_000)
def _identity(text: bytes) -> str:
    return run_id(msgspec.json.decode(text, type=RunSpec))


def _planned(
    run: RunSpec, candidate: Candidate, cell: Cell, values: Configuration, purpose: str
) -> Planned:
    plain = {"optimizer": candidate.name, "cell": cell, "configuration": values}
    return msgspec.convert({"run": run, "purpose": purpose, **plain}, Planned)


class _Frame(Spec, frozen=True, kw_only=True):
    """What the runs of a candidate in a cell have in common."""

    model: ModelSpec
    data: DataSpec
    optimizer: str
    package: str
    schedule: ScheduleKind
    cell: Cell
    batch_size: int
    evaluation_sequences: int
    compute_dtype: ComputeDtype


def _run(study: Study, candidate: Candidate, cell: Cell, values: Configuration) -> RunSpec:
    frame = _Frame(
        model=model_of(study, cell),
        data=study.data,
        optimizer=candidate.name,
        package=candidate.package,
        schedule=candidate.schedule,
        cell=cell,
        batch_size=study.batch_size,
        evaluation_sequences=study.evaluation_sequences,
        compute_dtype=study.compute_dtype,
    )
    for value in values.values():  # JSON has no name for these, and the next line would hide them
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"numbers must be finite, got {value} in {candidate.name}: {values}")
    return _built(frame, msgspec.json.encode(values))


@lru_cache(maxsize=20_000)
def _built(frame: _Frame, text: bytes) -> RunSpec:
    """The run of a configuration; remembered, for the same reason as `identity`."""
    values = msgspec.json.decode(text, type=Configuration)
    model, cell = frame.model, frame.cell
    batch_size = values.get("batch_size", frame.batch_size)
    if isinstance(batch_size, bool) or not isinstance(batch_size, int) or batch_size < 1:
        raise UserError(f"batch_size must be a whole number from 1 up, got {batch_size!r}")
    steps = int(20 * model.matrix_parameters * cell.ratio) // (batch_size * model.context)
    if steps < 1:
        raise UserError(
            f"a run must have at least one step, got batch_size={batch_size} at {cell.size} "
            f"{cell.ratio:g}x; lower the batch size"
        )
    settings = {name: value for name, value in values.items() if name not in RUN_COORDINATES}
    run = RunSpec(
        model=model,
        data=frame.data,
        optimizer=OptimizerSpec(name=frame.optimizer, settings=settings, package=frame.package),
        schedule=_schedule(frame.schedule, values, steps),
        batch_size=batch_size,
        steps=steps,
        evaluation_sequences=frame.evaluation_sequences,
        compute_dtype=frame.compute_dtype,
    )
    return checked(run)


def _schedule(kind: ScheduleKind, values: Configuration, steps: int) -> ScheduleSpec:
    """The schedule, with `warmup_fraction` turned into whole steps of this very run."""
    given = {
        name: float(values[name])
        for name in ("warmup_steps", "decay_fraction", "final_fraction")
        if name in values
    }
    if "warmup_fraction" in values:
        given["warmup_steps"] = float(round(float(values["warmup_fraction"]) * steps))
    return ScheduleSpec(kind=kind, **given)
