"""The reported runs of a study, by optimizer, cell and seed."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bestiary.specs import Cell, Configuration, Planned, RunResult

Results = Mapping[str, RunResult]
# Planned runs with their ids: an id is a hash of the run, so it is computed once.
Identified = Iterable[tuple[str, Planned]]
TuningRuns = dict[tuple[str, Cell], list[tuple[Planned, RunResult]]]


@dataclass(frozen=True)
class Reported:
    """The runs of one optimizer at one cell with one configuration, by seed.

    Attributes:
        configuration: The tuned configuration; empty where no run is planned yet.
        planned: The planned runs by seed.
        results: Results by seed, for those that have one.
    """

    configuration: Configuration = field(default_factory=dict)
    planned: dict[int, Planned] = field(default_factory=dict)
    results: dict[int, RunResult] = field(default_factory=dict)

    @property
    def done(self) -> dict[int, RunResult]:
        """Results of the runs that reached their end."""
        return {seed: one for seed, one in self.results.items() if one.state == "done"}

    @property
    def losses(self) -> dict[int, float]:
        """Report loss by seed of the runs that reached their end."""
        return {seed: one.loss["report"] for seed, one in self.done.items()}

    @property
    def seconds_per_token(self) -> dict[int, float]:
        """Median step time over the tokens of a step, by seed, where it was measured."""
        return {
            seed: one.step_seconds / (self.planned[seed].run.tokens / self.planned[seed].run.steps)
            for seed, one in self.done.items()
            if one.step_seconds > 0
        }


Observations = dict[Cell, dict[str, Reported]]


def observations(identified: Identified, results: Results) -> Observations:
    """Reported runs by cell and optimizer. Of several configurations the last planned counts."""
    found: Observations = {}
    for identity, one in identified:
        if one.purpose != "report":
            continue
        cell = found.setdefault(one.cell, {})
        if one.optimizer not in cell or cell[one.optimizer].configuration != one.configuration:
            cell[one.optimizer] = Reported(one.configuration)
        group = cell[one.optimizer]
        group.planned[one.run.seed] = one
        result = results.get(identity)
        if result is not None:
            group.results[one.run.seed] = result
    return found


def of_size(found: Observations, size: str) -> Observations:
    """The cells of one size, in order of ratio."""
    cells = sorted((cell for cell in found if cell.size == size), key=lambda cell: cell.ratio)
    return {cell: found[cell] for cell in cells}


def tuning_runs(identified: Identified, results: Results) -> TuningRuns:
    """The tuning runs that have a result, by optimizer and cell, in the order of planning."""
    found: TuningRuns = {}
    for identity, one in identified:
        result = results.get(identity)
        if one.purpose == "tune" and result is not None:
            found.setdefault((one.optimizer, one.cell), []).append((one, result))
    return found
