"""Each optimizer over all cells: geometric means of its speedups, and its verdicts counted."""

from bestiary.measures._averages import (
    Mean,
    average_speedup,
    average_time_speedup,
    finite_mean,
    mean_factor,
)
from bestiary.measures._draws import Draws
from bestiary.measures._measures import Measures
from bestiary.specs import Estimate, Spec


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
        token_speedup=average_speedup(measures, own),
        time_speedup=average_time_speedup(measures, own),
        step_time_ratio=mean_factor(
            (draws.log_times.get(one.key) for one in own),
            [cell.step_time_ratio for cell in cells],
        ),
        faster=verdicts.count("faster"),
        slower=verdicts.count("slower"),
        undecided=verdicts.count("not distinguishable") + verdicts.count("undetermined"),
    )


def mean_log_speedup(draws: Draws, name: str, size: str | None = None) -> Mean:
    """The mean log token speedup over the cells that have one, and how many they are.

    Args:
        draws: The draws.
        name: The optimizer.
        size: Over the cells of this size alone.
    """
    return finite_mean(
        draws.log_speedup(one.key)
        for one in draws.evidence.observations
        if one.optimizer == name and size in (None, one.size)
    )
