"""From a configuration of a candidate in a cell to the run that trains it."""

import math
from functools import lru_cache
from typing import Any, Literal, NamedTuple

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
    Purpose,
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


class Identified(NamedTuple):
    """A planned run and its id."""

    planned: Planned
    run_id: str


def cell_runs(study: Study, candidate: Candidate, cell: Cell) -> "CellRuns":
    """The runs of a candidate in a cell.

    They are remembered: after every result, planning asks for the same runs again.
    """
    frame = _Frame(
        model=model_of(study, cell),
        data=study.data,
        optimizer=candidate.name,
        package=candidate.package,
        schedule=candidate.schedule,
        cell=cell,
        batch_size=study.batch_size,
        evaluations=study.evaluations,
        evaluation_sequences=study.evaluation_sequences,
        compute_dtype=study.compute_dtype,
        tuning_seed=study.tuning.seed,
        schema=study.schema,
    )
    return _remembered(frame)


class _Frame(Spec, frozen=True, kw_only=True):
    """What the runs of a candidate in a cell have in common."""

    model: ModelSpec
    data: DataSpec
    optimizer: str
    package: str
    schedule: ScheduleKind
    cell: Cell
    batch_size: int
    evaluations: int
    evaluation_sequences: int
    compute_dtype: ComputeDtype
    tuning_seed: int
    schema: Literal[1, 2]


class CellRuns:
    """From configurations to the runs of one candidate in one cell, each built once."""

    def __init__(self, frame: _Frame) -> None:
        """Use `cell_runs`."""
        self._frame = frame
        self._found: dict[object, Identified | str] = {}

    def tuning(self, values: Configuration, purpose: Purpose = "tune") -> Identified:
        """The run that measures a configuration: the tuning seed, evaluated at the end.

        Args:
            values: The configuration.
            purpose: The phase that asks; the run is the same in each.

        Raises:
            UserError: the configuration cannot run in this cell.
        """
        return self._run(values, purpose, self._frame.tuning_seed)

    def report(self, values: Configuration, *, seed: int) -> Identified:
        """The run that reports a winner on a fresh seed, evaluated `study.evaluations` times.

        Raises:
            UserError: the configuration cannot run in this cell.
        """
        return self._run(values, "report", seed)

    def _run(self, values: Configuration, purpose: Purpose, seed: int) -> Identified:
        # With the types, because 1 == 1.0 == True is three runs.
        key = (*values.items(), *map(type, values.values()), purpose, seed)
        if key not in self._found:
            self._found[key] = self._attempt(values, purpose, seed)
        found = self._found[key]
        if isinstance(found, str):
            raise UserError(found)
        return found

    def _attempt(self, values: Configuration, purpose: Purpose, seed: int) -> Identified | str:
        """The run, or why there is none."""
        try:
            run = _run_of(self._frame, values, purpose, seed)
        except UserError as error:
            return str(error)
        planned = Planned(
            run=run,
            optimizer=self._frame.optimizer,
            cell=self._frame.cell,
            purpose=purpose,
            configuration=dict(values),
        )
        return Identified(planned, run_id(run))


@lru_cache(maxsize=20_000)
def _remembered(frame: _Frame) -> CellRuns:
    return CellRuns(frame)


def _run_of(frame: _Frame, values: Configuration, purpose: Purpose, seed: int) -> RunSpec:
    """The run of a configuration."""
    for value in values.values():
        if isinstance(value, float) and not math.isfinite(value):
            raise UserError(f"numbers must be finite, got {value} in {frame.optimizer}: {values}")
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
        seed=seed,
        evaluate_every=-(-steps // frame.evaluations) if purpose == "report" else 0,
        evaluation_sequences=frame.evaluation_sequences,
        compute_dtype=frame.compute_dtype,
        schema=frame.schema,
    )
    return checked(run)


def _schedule(kind: ScheduleKind, values: Configuration, steps: int) -> ScheduleSpec:
    """The schedule, with `warmup_fraction` turned into whole steps of this very run."""
    given: dict[str, Any] = {
        name: float(values[name])
        for name in ("warmup_steps", "decay_fraction", "final_fraction")
        if name in values
    }
    if "warmup_fraction" in values:
        given["warmup_steps"] = float(round(float(values["warmup_fraction"]) * steps))
    given["kind"] = values.get("schedule", kind)
    if "schedule" in values and given["kind"] != "wsd":
        given.pop("decay_fraction", None)  # which the others do not read: one run, not several
    return ScheduleSpec(**given)
