"""Each optimizer over all cells: geometric means of its speedups, and its verdicts counted."""

import math
from collections.abc import Sequence

from bestiary.analysis._draws import Drawn, mean_of
from bestiary.analysis._estimates import factor, missing
from bestiary.analysis._evidence import Evidence
from bestiary.analysis._record import Estimate, Row, Summary
from bestiary.specs import Candidate


def summary(evidence: Evidence, one: Candidate, rows: Sequence[Row]) -> Summary:
    """The summary of one optimizer from its rows and their draws."""
    own = [row for row in rows if row.optimizer == one.name]
    return Summary(
        optimizer=one.name,
        label=one.label,
        family=one.family,
        token_speedup=_over_cells(
            mean_log_speedup(evidence, one.name), [row.token_speedup for row in own]
        ),
        time_speedup=_over_cells(
            _mean_log_time_speedup(evidence, one.name), [row.time_speedup for row in own]
        ),
        step_time_ratio=_over_cells(
            _mean_log_time(evidence, one.name), [row.step_time_ratio for row in own]
        ),
        faster=sum(row.verdict == "faster" for row in own),
        slower=sum(row.verdict == "slower" for row in own),
        undecided=sum(row.verdict in ("not distinguishable", "undetermined") for row in own),
    )


Mean = tuple[Drawn, int] | None


def mean_log_speedup(evidence: Evidence, name: str, size: str | None = None) -> Mean:
    """The mean log token speedup over the cells that have one, and how many they are.

    Args:
        evidence: The draws.
        name: The optimizer.
        size: Over the cells of this size alone.
    """
    cells = [cell for cell in evidence.study.cells if size in (None, cell.size)]
    return _mean([evidence.log_speedup((name, cell)) for cell in cells])


def _mean_log_time_speedup(evidence: Evidence, name: str) -> Mean:
    """The same for the time speedup."""
    return _mean([evidence.log_time_speedup((name, cell)) for cell in evidence.study.cells])


def _mean_log_time(evidence: Evidence, name: str) -> Mean:
    """The same for seconds per token."""
    return _mean([evidence.log_times.get((name, cell)) for cell in evidence.study.cells])


def _mean(found: list[Drawn | None]) -> Mean:
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
