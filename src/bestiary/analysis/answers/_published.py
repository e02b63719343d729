"""The findings of arXiv 2509.02046, from the packaged tables."""

from functools import cache

import numpy as np

from bestiary.analysis.answers._findings import Effort, Finding, Findings, SeedNoise
from bestiary.analysis.answers._foreign import NO_TIMES, difference, runs_by_cell
from bestiary.analysis.answers._tried import effort_of, losses_by_batch, took_full_length
from bestiary.analysis.published import NOISE, configurations, losses, runs
from bestiary.analysis.published._data import Losses, Version
from bestiary.analysis.published._speedups import Speedups
from bestiary.errors import unknown
from bestiary.specs import SIZES
from bestiary.store import ForeignResult

NAMES: dict[str, Version] = {"fantastic2025": "printed", "fantastic2025-released": "released"}
# The catalogue is JAX, and this line of the ladder is not; these are the paper's own spellings.
LABELS = {
    "adamw": "AdamW",
    "nadamw": "NAdamW",
    "mars": "MARS",
    "cautious": "Cautious",
    "lion": "Lion",
    "adam_mini": "Adam-mini",
    "muon": "Muon",
    "scion": "Scion",
    "kron": "Kron",
    "soap": "SOAP",
    "sophia": "Sophia",
    "shampoo": "Shampoo",
}
DRAWS = 2_000
NOISE_OF_ONE = SeedNoise(own=NOISE, shared=0.0, source="its epsilon ablations; one seed each")


@cache
def published_findings(name: str = "fantastic2025") -> Findings:
    """The packaged study as findings; speedups are over AdamW's curves through all its ratios.

    Args:
        name: `fantastic2025` (the paper's losses), or `fantastic2025-released`.

    Raises:
        UserError: no packaged study of that name.
    """
    if name not in NAMES:
        raise unknown("published study", name, NAMES)
    version = NAMES[name]
    table = losses(version)
    speedups = Speedups(table, noise=NOISE, draws=DRAWS, largest_ratio=np.inf)
    cells = runs_by_cell(runs())
    found = tuple(_finding(cell, table, speedups, cells.get(cell, [])) for cell in table)
    facts = {"paper": "arXiv 2509.02046", "losses": version, "licence": "Apache-2.0"}
    return Findings(
        name=name,
        kind="published study",
        baseline="adamw",
        found=found,
        noise=NOISE_OF_ONE,
        facts=facts,
    )


def _finding(
    cell: tuple[str, str, float], table: Losses, speedups: Speedups, runs: list[ForeignResult]
) -> Finding:
    optimizer, size, ratio = cell
    settings = configurations().get(cell, {})
    parameters = float(SIZES[size].matrix_parameters)
    return Finding(
        optimizer=optimizer,
        label=LABELS[optimizer],
        size=size,
        parameters=parameters,
        ratio=ratio,
        tokens=20 * parameters * ratio,
        loss=table[cell],
        runs=1,
        seeds=1,
        selected_from=max(1, len(runs)),
        full_length=took_full_length(size, parameters, runs),
        settings=settings,
        effort=effort_of(runs, settings, table[cell], NOISE) if runs else Effort(),
        difference=difference(table[cell], table.get(("adamw", size, ratio)), NOISE_OF_ONE, 1, 1),
        speedup=speedups.estimate(*cell),
        time_speedup=NO_TIMES,
        step_time_ratio=NO_TIMES,
        batches=losses_by_batch(runs),
    )
