"""Planned against spent: what a study was expected to train, and what it has trained."""

from collections.abc import Iterable, Mapping

from bestiary.specs import Planned, Purpose, RunResult, Spec, Study
from bestiary.tune._plan import PlannedCost, plan

Place = tuple[str, Purpose]
# What was planned with what became of it.
Done = tuple[Planned, RunResult]


class Bounds(Spec, frozen=True, kw_only=True):
    """What was planned of something: at least and at most."""

    least: float = 0.0
    most: float = 0.0

    def plus(self, least: float, most: float) -> "Bounds":
        """The bounds of a sum."""
        return Bounds(least=self.least + least, most=self.most + most)


class Spending(Spec, frozen=True, kw_only=True):
    """One phase of one candidate: what was planned before its first run, and what it took.

    Attributes:
        optimizer: Name of the candidate.
        purpose: A phase of tuning, or reporting.
        planned_runs: Runs, at least and at most.
        runs: Runs with a result.
        planned_tokens: Training tokens, at least and at most.
        tokens: Training tokens seen.
        planned_seconds: Seconds of one device, at least and at most, were every model FLOP as fast
            as the baseline's at that size turned out to be; None before it has a result.
        seconds: Of training and compilation, added up over devices.
    """

    optimizer: str
    purpose: Purpose
    planned_runs: Bounds = Bounds()
    runs: int = 0
    planned_tokens: Bounds = Bounds()
    tokens: int = 0
    planned_seconds: Bounds | None = None
    seconds: float = 0.0


def spending(
    study: Study, planned: Mapping[str, Planned], results: Mapping[str, RunResult]
) -> tuple[Spending, ...]:
    """What every phase of every candidate was expected to take, and took, in the study's order.

    Args:
        study: The question.
        planned: Every run planned so far by its id.
        results: Results by run id.

    Raises:
        UserError: a candidate cannot start, or the study names a size or coordinate it lacks.
    """
    done = [(one, results[key]) for key, one in planned.items() if key in results]
    pace = _pace(study, done)
    expected: dict[Place, list[PlannedCost]] = {}
    for row in plan(study, {}):
        expected.setdefault((row.optimizer, row.purpose), []).append(row)
    spent: dict[Place, list[RunResult]] = {}
    for one, result in done:
        spent.setdefault((one.optimizer, one.purpose), []).append(result)
    return tuple(
        _spending(place, expected.get(place, []), spent.get(place, []), pace)
        for place in dict.fromkeys((*expected, *spent))
    )


def _spending(
    place: Place,
    expected: Iterable[PlannedCost],
    spent: Iterable[RunResult],
    pace: Mapping[str, float],
) -> Spending:
    runs, tokens, seconds = Bounds(), Bounds(), Bounds()
    for row in expected:
        runs = runs.plus(row.least, row.runs)
        tokens = tokens.plus(row.least_of(row.tokens), row.most_of(row.tokens))
        each = row.flops * pace.get(row.cell.size, 0.0)
        seconds = seconds.plus(row.least_of(each), row.most_of(each))
    spent = list(spent)
    return Spending(
        optimizer=place[0],
        purpose=place[1],
        planned_runs=runs,
        runs=len(spent),
        planned_tokens=tokens,
        tokens=sum(one.own_tokens for one in spent),
        planned_seconds=seconds if pace else None,
        seconds=sum(one.device_seconds for one in spent),
    )


def _pace(study: Study, done: Iterable[Done]) -> dict[str, float]:
    """Seconds that the baseline took for a model FLOP, by size; of all where it has not run."""
    seconds: dict[str, float] = {}
    flops: dict[str, float] = {}
    for one, result in done:
        if one.optimizer == study.baseline and result.tokens:
            size = one.cell.size
            seconds[size] = seconds.get(size, 0.0) + result.devices * result.seconds
            each = one.run.model.flops_per_token
            flops[size] = flops.get(size, 0.0) + result.tokens * each
    if not flops:
        return {}
    mean = sum(seconds.values()) / sum(flops.values())
    return {name: seconds[name] / flops[name] if name in flops else mean for name in study.sizes}
