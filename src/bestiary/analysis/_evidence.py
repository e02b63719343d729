"""All that an analysis is made from: the runs, sorted, and the draws of every size."""

from collections.abc import Sequence
from dataclasses import dataclass

from bestiary.analysis._draws import DRAWS, Drawn, Key, SizeDraws, draw_size
from bestiary.analysis._noise import ASSUMED, SizeNoise, loss_noise
from bestiary.analysis._observations import (
    Observations,
    Results,
    TuningRuns,
    observations,
    of_size,
    tuning_runs,
)
from bestiary.analysis._times import log_time_ratios
from bestiary.specs import Planned, Study, run_id


@dataclass(frozen=True)
class Evidence:
    """What rows, summaries and sentences read.

    Attributes:
        study: The study.
        runs: The ids of all planned runs.
        found: The reported runs.
        tuning: The tuning runs.
        noise: The seed noise of every size.
        sizes: The draws of every size.
        log_times: Log of seconds per token over the baseline's.
    """

    study: Study
    runs: frozenset[str]
    found: Observations
    tuning: TuningRuns
    noise: dict[str, SizeNoise]
    sizes: dict[str, SizeDraws]
    log_times: dict[Key, Drawn]

    def log_speedup(self, key: Key) -> Drawn | None:
        """Log of the token speedup; None for the baseline and where there is no loss or law."""
        return self.sizes[key[1].size].log_speedups.get(key)

    def log_time_speedup(self, key: Key) -> Drawn | None:
        """Log of the time speedup; None where the token speedup or the clock is missing."""
        tokens, times = self.log_speedup(key), self.log_times.get(key)
        return None if tokens is None or times is None else tokens - times


def gather(
    study: Study,
    planned: Sequence[Planned],
    results: Results,
    *,
    seed: int = 0,
    count: int = DRAWS,
    assumed: float = ASSUMED,
) -> Evidence:
    """Sort the runs and draw every size."""
    identified = [(run_id(one.run), one) for one in planned]
    found = observations(identified, results)
    noise = {size: loss_noise(found, size, assumed) for size in study.sizes}
    sizes: dict[str, SizeDraws] = {}
    log_times: dict[Key, Drawn] = {}
    for size in study.sizes:
        here = of_size(found, size)
        sizes[size] = draw_size(here, study.baseline, noise[size], seed=seed, count=count)
        log_times |= log_time_ratios(found, size, study.baseline, seed=seed, count=count)
    runs = frozenset(identity for identity, _ in identified)
    tuning = tuning_runs(identified, results)
    return Evidence(study, runs, found, tuning, noise, sizes, log_times)
