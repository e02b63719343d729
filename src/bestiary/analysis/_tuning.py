"""What the tuning runs say: where an optimum lies, how sensitive the loss is, what it all cost."""

import math
from dataclasses import dataclass

from bestiary.analysis._observations import TuningRuns
from bestiary.analysis._record import LedgerEntry, SensitivityPoint, TuningTrace
from bestiary.specs import Candidate, Cell, Configuration, Planned, RunResult, Setting, Study

Runs = list[tuple[Planned, RunResult]]


@dataclass(frozen=True)
class Origin:
    """The tuning behind one configuration.

    Attributes:
        cell: Where it was tuned; None where no tuning run has this configuration.
        coordinates: The coordinates that were varied there.
        unbracketed: Those whose value lies on the edge of what was tried.
    """

    cell: Cell | None = None
    coordinates: tuple[str, ...] = ()
    unbracketed: tuple[str, ...] = ()


def origin(
    study: Study, tuning: TuningRuns, name: str, cell: Cell, configuration: Configuration
) -> Origin:
    """Where a configuration was tuned: in its own cell, or in the nearest that tried it."""
    tried = [
        where
        for (optimizer, where), runs in tuning.items()
        if optimizer == name and any(one.configuration == configuration for one, _ in runs)
    ]
    if not tried or not configuration:
        return Origin()
    source = min(tried, key=lambda where: _distance(study, where, cell))
    values = _tried_values(tuning[name, source])
    return Origin(
        cell=source,
        coordinates=tuple(values),
        unbracketed=tuple(
            coordinate
            for coordinate, seen in values.items()
            if _on_edge(configuration[coordinate], seen)
        ),
    )


def _distance(study: Study, one: Cell, other: Cell) -> float:
    """The distance of two cells in log size and log ratio, as tuning inherits."""
    sizes = [study.sizes[cell.size].matrix_parameters for cell in (one, other)]
    return math.hypot(math.log(sizes[0] / sizes[1]), math.log(one.ratio / other.ratio))


def _tried_values(runs: Runs) -> dict[str, list[Setting]]:
    """The different values of every coordinate that was varied, in the order of trying."""
    names = dict.fromkeys(name for one, _ in runs for name in one.configuration)
    values = {
        name: list(
            dict.fromkeys(one.configuration[name] for one, _ in runs if name in one.configuration)
        )
        for name in names
    }
    return {name: seen for name, seen in values.items() if len(seen) > 1}


def _on_edge(value: Setting, seen: list[Setting]) -> bool:
    """Whether a number is the least or greatest tried. 0 is an end in itself, not an edge."""
    if isinstance(value, bool | str) or value == 0:
        return False
    numbers = [one for one in seen if not isinstance(one, bool | str)]
    return value in (min(numbers), max(numbers))


def sensitivity(
    one: Candidate, cell: Cell, runs: Runs, winner: Configuration
) -> list[SensitivityPoint]:
    """For every value of every coordinate the run beside the winner's settings, else the best."""
    points = []
    for coordinate, values in _tried_values(runs).items():
        for value in _in_order(values):
            here = [
                (_differs(coordinate, planned.configuration, winner), result)
                for planned, result in runs
                if planned.configuration.get(coordinate) == value
            ]
            differs, result = min(here, key=lambda one: (bool(one[0]), _rank(one[1])))
            points.append(
                SensitivityPoint(
                    optimizer=one.name,
                    label=one.label,
                    size=cell.size,
                    ratio=cell.ratio,
                    coordinate=coordinate,
                    value=value,
                    loss=_selection_loss(result),
                    state=result.state,
                    winner=value == winner.get(coordinate) and not differs,
                    differs=differs,
                )
            )
    return points


def _differs(coordinate: str, one: Configuration, winner: Configuration) -> Configuration:
    """The settings beside a coordinate that are not the winner's."""
    return {
        name: value
        for name, value in one.items()
        if name != coordinate and (name not in winner or winner[name] != value)
    }


def _rank(result: RunResult) -> float:
    """By loss, those without one last."""
    loss = _selection_loss(result)
    return math.inf if loss is None else loss


def _in_order(values: list[Setting]) -> list[Setting]:
    """Numbers ascending; anything else as it was tried."""
    if any(isinstance(value, bool | str) for value in values):
        return values
    return sorted(values)


def _selection_loss(result: RunResult) -> float | None:
    """What tuning went by; None for a run that did not reach its end."""
    return result.loss["selection"] if result.state == "done" else None


def best_of(runs: Runs) -> Configuration | None:
    """The configuration of the lowest selection loss; None where none was reached."""
    finished = [(loss, one) for one, result in runs if (loss := _selection_loss(result))]
    return min(finished, key=lambda pair: pair[0])[1].configuration if finished else None


def ledger_entry(one: Candidate, tuning: TuningRuns) -> LedgerEntry:
    """What tuning one optimizer cost, over all its cells."""
    cells = {cell: runs for (name, cell), runs in tuning.items() if name == one.name}
    results = [result for runs in cells.values() for _, result in runs]
    varied = dict.fromkeys(name for runs in cells.values() for name in _tried_values(runs))
    return LedgerEntry(
        optimizer=one.name,
        label=one.label,
        family=one.family,
        coordinates=tuple(varied),
        runs=len(results),
        diverged=sum(result.state == "diverged" for result in results),
        failed=sum(result.state == "failed" for result in results),
        tokens=sum(result.tokens for result in results),
        device_seconds=sum(result.seconds + result.compile_seconds for result in results),
        cells=tuple(_trace(cell, runs) for cell, runs in cells.items()),
    )


def _trace(cell: Cell, runs: Runs) -> TuningTrace:
    """The lowest selection loss after each run."""
    best: float | None = None
    after = []
    for _, result in runs:
        loss = _selection_loss(result)
        if loss is not None:
            best = loss if best is None else min(best, loss)
        after.append(best)
    return TuningTrace(size=cell.size, ratio=cell.ratio, runs=len(runs), best_after=tuple(after))
