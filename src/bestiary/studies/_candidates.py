"""An optimizer of the catalogue, entered into a study."""

from collections.abc import Mapping
from typing import get_args

from bestiary.errors import UserError, quoted, unknown
from bestiary.specs import (
    RUN_COORDINATES,
    RUN_RANGES,
    Candidate,
    ScheduleKind,
    Setting,
    beyond_single,
)
from bestiary.studies._ranges import ranges

Grid = Mapping[str, tuple[Setting, ...]]


def candidate(
    name: str,
    *,
    preset: str = "",
    changes: Mapping[str, Setting] | None = None,
    without: tuple[str, ...] = (),
    grid: Grid | None = None,
    schedule: ScheduleKind | None = None,
    extend: tuple[str, ...] = ("learning_rate",),
) -> Candidate:
    """Enter an optimizer with the study's starting point and grid, or with changes to them.

    Args:
        name: Its name in the catalogue.
        preset: Named settings of it that the start takes, such as `moonshot` of muon.
        changes: Values of the starting configuration that differ from the catalogue's.
        without: Run coordinates of the catalogue's starting point to leave out.
        grid: What is tuned; the catalogue's grid where not given.
        schedule: The kind of schedule; the catalogue's where not given.
        extend: Coordinates whose grid grows past its edges, within their range.

    Raises:
        UserError: no such optimizer or preset, or a value, of the start or the grid, that it
            refuses.
    """
    # Here, because the catalogue imports JAX and a list of studies must not wait for it.
    from bestiary.optimizers import lookup, resolve

    entry = lookup(name)
    chosen = {**entry.start, **entry.preset(preset), **(changes or {})}
    run = {key: chosen[key] for key in RUN_COORDINATES if key in chosen and key not in without}
    settings = {key: value for key, value in chosen.items() if key not in RUN_COORDINATES}
    values = {key: tuple(row) for key, row in (grid or entry.grid).items()}
    resolved = resolve(name, settings)
    for key, row in values.items():  # now, and not when its run fails in the night
        for value in row:
            if key in RUN_COORDINATES:
                _refuse_coordinate(key, value)
            else:
                resolve(name, {**settings, key: value})
    for key, value in run.items():
        _refuse_coordinate(key, value)
    start = {**resolved.settings, **run}
    return Candidate(
        name=entry.name,
        label=entry.label,
        family=entry.family,
        schedule=schedule or entry.schedule,
        start=start,
        grid=values,
        extend=extend,
        package=resolved.package,
        ranges={key: one for key, one in ranges(entry).items() if key in start or key in values},
    )


def _refuse_coordinate(name: str, value: Setting) -> None:
    """Refuse what a coordinate of the run, not of its optimizer, cannot be."""
    if name == "schedule":
        kinds = get_args(ScheduleKind)
        if value not in kinds:
            raise unknown("schedule", str(value), kinds)
        return
    feasible = RUN_RANGES[name]
    if isinstance(value, bool | str) or not feasible.holds(value):
        raise UserError(f"{name} must be a number in {feasible.in_brackets}, got {quoted(value)}")
    if complaint := beyond_single(value):
        raise UserError(f"{name} {complaint}, got {value}")
