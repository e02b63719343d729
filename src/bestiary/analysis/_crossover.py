"""Where the ranking of two optimizers of a study changes: in model size, in data, or in batch size.

Two losses at a cell, read as data off the baseline's curve, differ by a factor; its log is taken as
linear in log N and log D over the cells measured, and the ranking changes where it is zero. Every
step is repeated for every draw, so the crossing has an interval, open where the draws do
not cross.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from bestiary.analysis._crossing import Crossing
from bestiary.analysis._crossover_record import Advantage, Crossover, advantage, record
from bestiary.analysis._draws import DRAWS, Drawn
from bestiary.analysis._estimates import estimate
from bestiary.analysis._evidence import Evidence, gather
from bestiary.analysis._midway import rankings
from bestiary.analysis._noise import ASSUMED
from bestiary.analysis._ranking import (
    NO_BATCHES,
    Batches,
    log_advantage,
    lowest_by_batch,
    over_batches,
    over_cells,
)
from bestiary.errors import UserError, unknown
from bestiary.specs import Cell, Planned, RunResult, Study


def crossover(
    study: Study,
    planned: Sequence[Planned],
    results: Mapping[str, RunResult],
    first: str,
    second: str,
    *,
    draws: int = DRAWS,
    seed: int = 0,
    assumed_noise: float = ASSUMED,
) -> Crossover:
    """Where the ranking of two optimizers of a study changes.

    Raises:
        UserError: an optimizer that is not a candidate, or the same one twice.
    """
    candidates = [one.name for one in study.candidates]
    for name in (first, second):
        if name not in candidates:
            raise unknown("optimizer", name, candidates)
    if first == second:
        raise UserError(f"a crossover needs two different optimizers, got {first!r} twice")
    evidence = gather(study, planned, results, seed=seed, count=draws, assumed=assumed_noise)
    names = (first, second)
    differences = _differences(evidence, *names)
    parameters = {size: float(one.matrix_parameters) for size, one in study.sizes.items()}
    crossings = [
        *over_cells(differences, parameters, names, seed),
        *_in_batch(evidence, names, draws, seed),
    ]
    advantages = [
        one for cell in study.cells if (one := _advantage(evidence, cell, names, differences))
    ]
    moments = rankings(evidence, names)
    limits = _limits(study, differences, crossings)
    return record(f"{study.name} (own study)", names, advantages, crossings, moments, limits)


def _advantage(
    evidence: Evidence, cell: Cell, names: tuple[str, str], differences: dict[Cell, Drawn]
) -> Advantage | None:
    """Both at one cell; None where one has no loss."""
    draws = evidence.sizes[cell.size]
    if not all((name, cell) in draws.losses for name in names):
        return None
    one, other = (draws.losses[name, cell] for name in names)
    gap = estimate(other.value - one.value, other.draws - one.draws)
    return advantage(cell, gap, differences.get(cell), names)


def _differences(evidence: Evidence, first: str, second: str) -> dict[Cell, Drawn]:
    """Log of the first's advantage in data at every cell where both have a loss."""
    found = {}
    for cell in evidence.study.cells:
        draws = evidence.sizes[cell.size]
        keys = [(name, cell) for name in (first, second)]
        if draws.fitted is None or not all(key in draws.losses for key in keys):
            continue
        # The baseline, which is not among those read, lies on its own curve.
        read = [draws.read.get(key) for key in keys]
        one = log_advantage(draws.fitted.law, draws.fitted.laws, cell.ratio, *read)
        if one is not None:
            found[cell] = one
    return found


def _in_batch(
    evidence: Evidence, names: tuple[str, str], draws: int, seed: int
) -> Iterable[Crossing]:
    """At every tuned cell, the best selection loss of each batch size that both were tuned at."""
    for cell in evidence.study.tuning.cells:
        first, second = (_best_by_batch(evidence, name, cell) for name in names)
        generator = np.random.default_rng([seed, len(first)])
        own_K, _ = evidence.noise[cell.size].noise.draws(generator, draws)
        parameters = float(evidence.study.sizes[cell.size].matrix_parameters)
        found = over_batches(
            Batches(first, second), parameters, cell.ratio, names, own_K, seed=seed
        )
        if found is not None:
            yield found


def _best_by_batch(evidence: Evidence, name: str, cell: Cell) -> dict[int, float]:
    """The lowest selection loss at every batch size at which the learning rate was tuned."""
    runs = [
        (planned.run.batch_size, planned.configuration.get("learning_rate"), result)
        for planned, result in evidence.tuning.get((name, cell), [])
    ]
    return lowest_by_batch(
        (batch, rate, result.loss["selection"] if result.state == "done" else None)
        for batch, rate, result in runs
    )


def _limits(
    study: Study, differences: dict[Cell, Drawn], crossings: Sequence[Crossing]
) -> tuple[str, ...]:
    """What a reader must know."""
    told = []
    if len(differences) < len(study.cells):
        told.append(
            f"Both have a loss, and the baseline a curve, at {len(differences)} of "
            f"{len(study.cells)} cells."
        )
    axes = {one.axis for one in crossings}
    if "size" not in axes:
        told.append("One size only: a change with size was not measured.")
    if "ratio" not in axes:
        told.append("One ratio only: a change with data was not measured.")
    if "batch" not in axes:
        told.append(NO_BATCHES)
    else:
        told.append(
            "Batch sizes are compared by the lowest loss of the tuning runs at each, on one seed, "
            "where several learning rates were tried."
        )
    told.append(
        "The log of an advantage is taken as linear in log N and log D; what that gets wrong "
        "counts as noise."
    )
    return tuple(told)
