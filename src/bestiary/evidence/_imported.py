"""The evidence of somebody's results: their runs, sorted by optimizer, cell and configuration."""

from collections import defaultdict
from collections.abc import Iterable

import numpy as np

from bestiary.errors import UserError
from bestiary.evidence._noise import SeedNoise, noise_by_size, unmeasured_noise
from bestiary.evidence._odd_seeds import set_apart
from bestiary.evidence._record import Contender, Evidence, Key, Observation, SeedRun, State
from bestiary.evidence._tried import course_of, took_full_length, tried_runs, tuning_behind
from bestiary.specs import FOREIGN_RANGES, SIZES
from bestiary.store import ForeignImport, ForeignResult, missing

STATES: dict[str, State] = {"done": "done", "diverged": "diverged", "unfinished": "failed"}
Runs = list[ForeignResult]


def imported_evidence(imported: ForeignImport, *, assumed_noise: float | None = None) -> Evidence:
    """What somebody's imported runs saw.

    Args:
        imported: The results with their origin and their baseline; runs with a size and a ratio
            are used.
        assumed_noise: Standard deviation between seeds in nats, read where nothing was repeated; by
            `assumed_noise` of N where it is None.

    Raises:
        UserError: no runs, none of the baseline, or a size whose N cannot be told.
    """
    cells, baseline = runs_by_cell(imported.results), imported.baseline
    names = sorted({optimizer for optimizer, _, _ in cells})
    if baseline not in names:
        shown = ", ".join(names) or "no runs at all"
        raise UserError(f"the baseline {baseline!r} must be among the results, got {shown}")
    groups = {key: _repeats(runs) for key, runs in cells.items()}
    known = _sizes(cells)
    noise = _noise(groups, known, assumed_noise)
    observations, odd = set_apart(
        [
            _observation(key, known[key[1]], cells[key], min(found, key=_mean), noise[key[1]])
            for key, found in sorted(groups.items())
            if found
        ]
    )
    sizes = {one.size: one.parameters for one in observations}
    origin = imported.origin
    return Evidence(
        name=origin.source,
        kind="imported results",
        baseline=baseline,
        contenders={name: Contender(label=name, ranges=FOREIGN_RANGES) for name in names},
        sizes=dict(sorted(sizes.items(), key=lambda item: item[1])),
        observations=observations,
        noise={size: noise[size] for size in sizes},
        planned=sum(map(len, cells.values())),
        finished=sum(run.loss is not None for runs in cells.values() for run in runs),
        notes=(*missing([run for runs in cells.values() for run in runs], baseline), *odd),
        facts={"url": origin.url, "commit": origin.commit, "licence": origin.licence},
    )


def runs_by_cell(results: Iterable[ForeignResult]) -> dict[Key, Runs]:
    """The runs that have a cell, by optimizer, size and ratio."""
    found: dict[Key, Runs] = defaultdict(list)
    for row in results:
        if row.kind == "run" and row.size and row.ratio is not None:
            found[row.optimizer, row.size, row.ratio].append(row)
    return dict(found)


def _repeats(runs: Runs) -> list[Runs]:
    """The finished runs of a cell, those of one configuration together."""
    found: dict[str, Runs] = defaultdict(list)
    for run in runs:
        if run.state == "done":
            found[repr((sorted(run.settings.items()), run.steps))].append(run)
    return list(found.values())


def _mean(group: Runs) -> float:
    return float(np.mean([run.loss for run in group]))


def _sizes(cells: dict[Key, Runs]) -> dict[str, float]:
    """N of every size, one for all of its runs, so that none is counted as two."""
    by_size: dict[str, Runs] = defaultdict(list)
    for (_, size, _), runs in cells.items():
        by_size[size].extend(runs)
    return {size: _parameters(size, runs) for size, runs in by_size.items()}


def _noise(
    groups: dict[Key, list[Runs]], sizes: dict[str, float], assumed: float | None
) -> dict[str, SeedNoise]:
    """Of every configuration that was repeated on stated seeds, by size."""
    cells: dict[str, dict[float, list[tuple[str, int, float]]]] = defaultdict(
        lambda: defaultdict(list)
    )
    for (optimizer, size, ratio), found in groups.items():
        for place, group in enumerate(found):
            cells[size][ratio].extend(
                (f"{optimizer} {place}", run.seed, run.loss)
                for run in group
                if run.seed is not None and run.loss is not None
            )
    return noise_by_size(
        {size: own.values() for size, own in cells.items()},
        lambda size: unmeasured_noise(sizes[size], assumed),
    )


def _observation(
    key: Key, parameters: float, runs: Runs, best: Runs, noise: SeedNoise
) -> Observation:
    optimizer, size, ratio = key
    settings = best[0].settings
    lost = [run for run in runs if run.state != "done" and run.settings == settings]
    return Observation(
        optimizer=optimizer,
        size=size,
        parameters=parameters,
        ratio=ratio,
        tokens=20 * parameters * ratio,
        tokens_per_step=_batch_tokens(best[0]),
        settings=settings,
        runs=tuple(
            SeedRun(
                seed=run.seed,
                state=STATES[run.state],
                loss=run.loss,
                step_seconds=run.step_seconds,
                validation=course_of(run),
            )
            for run in (*best, *lost)
        ),
        selected_from=len({repr(sorted(run.settings.items())) for run in runs}),
        full_length=took_full_length(size, parameters, best),
        tuning=tuning_behind(key, runs, settings, _mean(best), noise.total),
        tried=tried_runs(runs),
    )


def _batch_tokens(run: ForeignResult) -> float | None:
    """Tokens a step, where both are known."""
    return run.tokens / run.steps if run.tokens and run.steps else None


def _parameters(size: str, runs: Iterable[ForeignResult]) -> float:
    """N of a size: a named one, or tokens over 20 times the ratio.

    Raises:
        UserError: neither says it.
    """
    if size.lower() in SIZES:
        return float(SIZES[size.lower()].matrix_parameters)
    found = [run.tokens / (20 * run.ratio) for run in runs if run.tokens and run.ratio]
    if found:
        return float(np.median(found))
    raise UserError(
        f"the parameters of size {size!r} cannot be told; name a size of `bestiary sizes` in the "
        "mapping, or map the tokens"
    )
