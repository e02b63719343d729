"""The evidence of arXiv 2509.02046, from the packaged tables."""

from functools import cache

from bestiary.errors import unknown
from bestiary.evidence._imported import runs_by_cell
from bestiary.evidence._noise import stated_noise
from bestiary.evidence._record import Contender, Evidence, Key, Observation, SeedRun, TuningBehind
from bestiary.evidence._tried import took_full_length, tried_runs, tuning_behind
from bestiary.evidence.published import (
    FAMILIES,
    LABELS,
    NOISE,
    Version,
    configurations,
    losses,
    runs,
)
from bestiary.specs import FOREIGN_RANGES, SIZES, Configuration
from bestiary.store import ForeignResult

PUBLISHED: dict[str, Version] = {"fantastic2025": "printed", "fantastic2025-released": "released"}
# Where a configuration names no other.
SCHEDULE = "cosine"
SOURCE = "its epsilon ablations; one seed each"


@cache
def published_evidence(name: str = "fantastic2025") -> Evidence:
    """The packaged study.

    Args:
        name: `fantastic2025` (the paper's losses), or `fantastic2025-released`.

    Raises:
        UserError: no packaged study of that name.
    """
    if name not in PUBLISHED:
        raise unknown("published study", name, PUBLISHED)
    table, cells = losses(PUBLISHED[name]), runs_by_cell(runs())
    shown = dict.fromkeys(optimizer for optimizer, _, _ in table)
    sizes = {size: float(SIZES[size].matrix_parameters) for _, size, _ in table}
    noise = stated_noise(NOISE, SOURCE)
    return Evidence(
        name=name,
        kind="published study",
        baseline="adamw",
        contenders={
            one: Contender(
                label=LABELS[one],
                family=FAMILIES[one],
                schedule=SCHEDULE,
                ranges=FOREIGN_RANGES,
            )
            for one in shown
        },
        sizes=dict(sorted(sizes.items(), key=lambda item: item[1])),
        observations=tuple(
            _observation(key, loss, cells.get(key, [])) for key, loss in table.items()
        ),
        noise=dict.fromkeys(sizes, noise),
        planned=len(table),
        finished=len(table),
        facts={"paper": "arXiv 2509.02046", "losses": PUBLISHED[name], "licence": "Apache-2.0"},
    )


def _observation(key: Key, loss: float, runs: list[ForeignResult]) -> Observation:
    optimizer, size, ratio = key
    settings = configurations().get(key, {})
    parameters = float(SIZES[size].matrix_parameters)
    behind = tuning_behind(key, runs, settings, loss, NOISE) if runs else TuningBehind()
    return Observation(
        optimizer=optimizer,
        size=size,
        parameters=parameters,
        ratio=ratio,
        tokens=20 * parameters * ratio,
        tokens_per_step=_batch_tokens(size, settings),
        settings=settings,
        # The study ran one seed and does not name it.
        runs=(SeedRun(seed=0, state="done", loss=loss),),
        selected_from=max(1, len(runs)),
        full_length=took_full_length(size, parameters, _best(runs)),
        tuning=behind,
        tried=tried_runs(runs),
    )


def _batch_tokens(size: str, settings: Configuration) -> float | None:
    """Tokens a step; the study's sequences are as long as those of the named sizes."""
    batch = settings.get("train_batch_size")
    return float(batch) * SIZES[size].context if batch else None


def _best(runs: list[ForeignResult]) -> list[ForeignResult]:
    """The run that the published loss comes from: the lowest of its cell."""
    done = [run for run in runs if run.loss is not None]
    return sorted(done, key=lambda run: run.loss or 0.0)[:1]
