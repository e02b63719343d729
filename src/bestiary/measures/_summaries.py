"""Each optimizer over all cells: geometric means of its speedups, and its verdicts counted."""

import math
from collections.abc import Iterable, Sequence

from bestiary.measures._drawn import Drawn, mean_of
from bestiary.measures._draws import Draws
from bestiary.measures._estimates import factor
from bestiary.measures._measures import Measures
from bestiary.specs import Estimate, Spec, missing


class Summary(Spec, frozen=True, kw_only=True):
    """One optimizer over all cells: geometric means of its speedups, and its verdicts counted."""

    optimizer: str
    label: str
    family: str
    token_speedup: Estimate
    time_speedup: Estimate
    step_time_ratio: Estimate
    faster: int
    slower: int
    undecided: int


def summary(measures: Measures, name: str) -> Summary:
    """The summary of one optimizer of an own study."""
    evidence, draws = measures.evidence, measures.draws
    own = [one for one in evidence.observations if one.optimizer == name]
    cells = [measures.of(one) for one in own]
    verdicts = [cell.verdict for cell in cells]
    return Summary(
        optimizer=name,
        label=evidence.contenders[name].label,
        family=evidence.contenders[name].family,
        token_speedup=_over_cells(
            _mean(draws.log_speedup(one.key) for one in own), [cell.speedup for cell in cells]
        ),
        time_speedup=_over_cells(
            _mean(draws.log_time_speedup(one.key) for one in own),
            [cell.time_speedup for cell in cells],
        ),
        step_time_ratio=_over_cells(
            _mean(draws.log_times.get(one.key) for one in own),
            [cell.step_time_ratio for cell in cells],
        ),
        faster=verdicts.count("faster"),
        slower=verdicts.count("slower"),
        undecided=verdicts.count("not distinguishable") + verdicts.count("undetermined"),
    )


Mean = tuple[Drawn, int] | None


def mean_log_speedup(draws: Draws, name: str, size: str | None = None) -> Mean:
    """The mean log token speedup over the cells that have one, and how many they are.

    Args:
        draws: The draws.
        name: The optimizer.
        size: Over the cells of this size alone.
    """
    return _mean(
        draws.log_speedup(one.key)
        for one in draws.evidence.observations
        if one.optimizer == name and size in (None, one.size)
    )


def _mean(found: Iterable[Drawn | None]) -> Mean:
    """The mean of the numbers with a finite value, and how many they are."""
    numbers = [one for one in found if one is not None and math.isfinite(one.value)]
    return (mean_of(numbers), len(numbers)) if numbers else None


def _over_cells(mean: Mean, cells: Sequence[Estimate]) -> Estimate:
    """The geometric mean, with the cells that are not in it, or why there is none."""
    if mean is None:
        return missing("; ".join(dict.fromkeys(cell.note for cell in cells if cell.note)))
    drawn, counted = mean
    note = (
        ""
        if counted == len(cells)
        else f"over the {counted} of {len(cells)} cells that have a value"
    )
    return factor(drawn.value, drawn.draws, note=note)
