"""Where the ranking of two optimizers changes: in model size, in data, or in batch size.

Two losses at a cell, read as data off the baseline's curve, differ by a factor; its log is taken as
linear in log N and log D over the cells measured, and the ranking changes where it is zero. Every
step is repeated for every bootstrap draw, so the crossing has an interval, open where the draws do
not cross.

Shape suffixes: K draws, C cells, Q coefficients.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bestiary.analysis._crossing import Crossing, Plane, crossing
from bestiary.analysis._draws import DRAWS, Drawn
from bestiary.analysis._estimates import factor
from bestiary.analysis._evidence import Evidence, gather
from bestiary.analysis._noise import ASSUMED
from bestiary.analysis._record import Estimate
from bestiary.errors import UserError, unknown
from bestiary.specs import Cell, Planned, RunResult, Spec, Study

# Nats per e-fold of data below which the baseline's curve is flat.
_FLAT = 1e-6
# A loss is read at least this share of the baseline's fall above its asymptote.
_LEAST = 0.05


class Crossover(Spec, frozen=True, kw_only=True):
    """Everything known of where two optimizers change places.

    Attributes:
        advantages: Cell by cell, how many times less data the first needs than the second.
        crossings: In size at each ratio, in ratio at each size, in batch at each tuned cell.
        limits: What could not be said, in sentences.
    """

    study: str
    first: str
    second: str
    advantages: tuple["Advantage", ...]
    crossings: tuple[Crossing, ...]
    limits: tuple[str, ...]


class Advantage(Spec, frozen=True, kw_only=True):
    """The data the second optimizer needs over the data of the first, for equal loss at a cell."""

    size: str
    ratio: float
    factor: Estimate


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
    names = [one.name for one in study.candidates]
    for name in (first, second):
        if name not in names:
            raise unknown("optimizer", name, names)
    if first == second:
        raise UserError(f"a crossover needs two different optimizers, got {first!r} twice")
    evidence = gather(study, planned, results, seed=seed, count=draws, assumed=assumed_noise)
    differences = _differences(evidence, first, second)
    crossings = [
        *_in_size_and_ratio(evidence, differences, (first, second)),
        *_in_batch(evidence, (first, second), seed),
    ]
    return Crossover(
        study=study.name,
        first=first,
        second=second,
        advantages=tuple(
            Advantage(size=cell.size, ratio=cell.ratio, factor=factor(one.value, one.draws))
            for cell, one in differences.items()
        ),
        crossings=tuple(crossings),
        limits=_limits(study, differences, crossings),
    )


def _differences(evidence: Evidence, first: str, second: str) -> dict[Cell, Drawn]:
    """Log of the first's advantage in data at every cell where both have a loss.

    The baseline's fitted law turns both losses into data, (log(l2 - b) - log(l1 - b)) / B, and is
    held fixed: its own doubt moves the scale of an advantage, not its sign.
    """
    found = {}
    for cell in evidence.study.cells:
        draws = evidence.sizes[cell.size]
        keys = [(name, cell) for name in (first, second)]
        if draws.fitted is None or not all(key in draws.losses for key in keys):
            continue
        law = draws.fitted.law
        fall = float(law.loss(cell.ratio) - law.b)
        if fall * float(law.exponent) < _FLAT:
            continue
        logs = [
            np.log(np.maximum(np.append(one.value, one.draws) - float(law.b), _LEAST * fall))
            for one in (draws.losses[key] for key in keys)
        ]
        gap = (logs[1] - logs[0]) / float(law.exponent)
        found[cell] = Drawn(float(gap[0]), gap[1:])
    return found


def _in_size_and_ratio(
    evidence: Evidence, differences: dict[Cell, Drawn], names: tuple[str, str]
) -> list[Crossing]:
    """The plane through all cells, cut at every ratio and at every size."""
    study = evidence.study
    cells = list(differences)
    sizes = {cell.size: float(study.sizes[cell.size].matrix_parameters) for cell in cells}
    ratios = sorted({cell.ratio for cell in cells})
    if len(cells) < 2 or (len(sizes) < 2 and len(ratios) < 2):
        return []
    columns = [np.ones(len(cells))]
    axes: dict[str, int] = {}
    for axis, logs in (
        ("size", [math.log(sizes[cell.size]) for cell in cells]),
        ("ratio", [math.log(cell.ratio) for cell in cells]),
    ):
        if np.ptp(logs) > 0 and len(cells) > len(columns):
            axes[axis] = len(columns)
            columns.append(np.array(logs))
    solve_QC = np.linalg.pinv(np.stack(columns, axis=1))
    value_Q = solve_QC @ [differences[cell].value for cell in cells]
    draws_QK = solve_QC @ np.stack([differences[cell].draws for cell in cells])
    plane = Plane(axes, value_Q, draws_QK)
    found = []
    if "size" in axes:
        bounds = min(sizes.values()), max(sizes.values())
        for ratio in ratios:
            found.append(crossing("size", {"ratio": ratio}, bounds, names, plane))
    if "ratio" in axes:
        bounds = ratios[0], ratios[-1]
        for parameters in sizes.values():
            found.append(crossing("ratio", {"size": parameters}, bounds, names, plane))
    return found


def _in_batch(evidence: Evidence, names: tuple[str, str], seed: int) -> list[Crossing]:
    """At every tuned cell, the best selection loss of each batch size that both were tuned at."""
    found = []
    for cell in evidence.study.tuning.cells:
        best = [_best_by_batch(evidence, name, cell) for name in names]
        batches = sorted(set(best[0]) & set(best[1]))
        if len(batches) < 2:
            continue
        logs = np.log(batches)
        gap_C = np.array([best[1][batch] - best[0][batch] for batch in batches])
        solve_QC = np.linalg.pinv(np.stack([np.ones(len(batches)), logs], axis=1))
        draws = evidence.sizes[cell.size].losses
        count = next(iter(draws.values())).draws.size if draws else DRAWS
        generator = np.random.default_rng([seed, len(batches)])
        # One tuning run each, on one seed, whose shared part cancels in the difference.
        own_K, _ = evidence.noise[cell.size].noise.draws(generator, count)
        noise_CK = generator.normal(size=(len(batches), count)) * own_K * math.sqrt(2)
        plane = Plane({"batch": 1}, solve_QC @ gap_C, solve_QC @ (gap_C[:, None] + noise_CK))
        held = {
            "size": float(evidence.study.sizes[cell.size].matrix_parameters),
            "ratio": cell.ratio,
        }
        bounds = float(batches[0]), float(batches[-1])
        found.append(crossing("batch", held, bounds, names, plane))
    return found


def _best_by_batch(evidence: Evidence, name: str, cell: Cell) -> dict[int, float]:
    """The lowest selection loss at every batch size tried."""
    best: dict[int, float] = {}
    for planned, result in evidence.tuning.get((name, cell), []):
        if result.state == "done":
            batch, loss = planned.run.batch_size, result.loss["selection"]
            best[batch] = min(loss, best.get(batch, math.inf))
    return best


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
        told.append("They were not both tuned at two batch sizes: nothing is known of batches.")
    else:
        told.append(
            "Batch sizes are compared by the lowest loss of the tuning runs at each, on one seed."
        )
    told.append("A difference is taken as linear in log N and log D over the cells measured.")
    return tuple(told)
