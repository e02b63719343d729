"""The evidence of runs that trained until they reached a loss: what each of them took.

The result of such a run is an amount, not a loss: tokens, steps or seconds. Its scatter between
seeds is of one size over optimizers in the logarithm, in which it is worked out.
"""

import math
from collections import defaultdict
from collections.abc import Sequence

from bestiary.errors import UserError
from bestiary.evidence._noise import SeedNoise, noise_by_size, stated_noise
from bestiary.specs import Configuration, Spec
from bestiary.store import ForeignImport, ForeignResult, TargetLoss, missing

Runs = list[ForeignResult]


class TargetRun(Spec, frozen=True, kw_only=True):
    """One run towards a target loss.

    Attributes:
        seed: Negative, and its own, where the source does not say, or says one twice.
        reached: Whether it got there.
        amount: What it took, or, where it did not get there, that it was trained for; None where
            nobody says.
    """

    seed: int
    reached: bool
    amount: float | None


class TargetRuns(Spec, frozen=True, kw_only=True):
    """One optimizer's runs towards a target loss at one size.

    Attributes:
        settings: The configuration it is judged by.
        runs: Of that configuration.
        selected_from: How many configurations it is the best of.
    """

    optimizer: str
    size: str
    settings: Configuration = {}
    runs: tuple[TargetRun, ...]
    selected_from: int = 1

    @property
    def logs(self) -> dict[int, float]:
        """The logarithm of what each run that got there took, by seed."""
        return {run.seed: math.log(run.amount) for run in self.reached if run.amount}

    @property
    def reached(self) -> tuple[TargetRun, ...]:
        """The runs that got there."""
        return tuple(run for run in self.runs if run.reached)


class TargetEvidence(Spec, frozen=True, kw_only=True):
    """All that was seen of the way to a target loss.

    Attributes:
        name: What a person calls it.
        baseline: The optimizer that speedups are measured against.
        target: The loss, and what is counted until then.
        optimizers: The baseline first, then by name.
        sizes: In order of appearance.
        found: Every optimizer at every size.
        noise: Of the logarithm of what a run takes, by size; without the sizes of which nothing is
            known, where no configuration has two runs and nobody stated a noise.
        notes: What the results do not allow to conclude, in words.
        facts: What else identifies the results.
    """

    name: str
    baseline: str
    target: TargetLoss
    optimizers: tuple[str, ...]
    sizes: tuple[str, ...]
    found: tuple[TargetRuns, ...]
    noise: dict[str, SeedNoise]
    notes: tuple[str, ...] = ()
    facts: dict[str, str] = {}

    @property
    def source(self) -> str:
        """Whose results, as every answer says it."""
        return f"{self.name} (imported {self.target.counted} to a target loss)"

    @property
    def goal(self) -> str:
        """`steps to 3.28 nats per token`."""
        return f"{self.target.counted} to {self.target.loss:.4g} nats per token"

    def of(self, optimizer: str) -> dict[str, TargetRuns]:
        """The runs of one optimizer, by size."""
        return {one.size: one for one in self.found if one.optimizer == optimizer}


def target_evidence(imported: ForeignImport, *, stated: float | None = None) -> TargetEvidence:
    """What somebody's runs towards a target loss saw.

    Args:
        imported: The results, of an import that has a target.
        stated: Standard deviation between seeds of the logarithm of what a run takes (0.02 is 2%),
            read where nothing was repeated.

    Raises:
        UserError: the baseline has no run that ended.
    """
    assert imported.target is not None
    groups: dict[tuple[str, str], Runs] = defaultdict(list)
    for row in imported.results:
        if row.state != "unfinished":
            groups[row.optimizer, row.size].append(row)
    names, baseline = {optimizer for optimizer, _ in groups}, imported.baseline
    if baseline not in names:
        raise UserError(
            f"the baseline must have runs that ended, but {baseline!r} has none in "
            f"{imported.origin.source}, only {', '.join(sorted(names)) or 'unfinished ones'}"
        )
    found = tuple(_best(*key, runs) for key, runs in groups.items())
    origin = imported.origin
    return TargetEvidence(
        name=origin.source,
        baseline=baseline,
        target=imported.target,
        optimizers=(baseline, *sorted(names - {baseline})),
        sizes=tuple(dict.fromkeys(one.size for one in found)),
        found=found,
        noise=_noise_of_logs(found, stated),
        notes=(*missing(imported.results, baseline), *_chosen(found)),
        facts={"url": origin.url, "commit": origin.commit, "licence": origin.licence},
    )


def _best(optimizer: str, size: str, rows: Runs) -> TargetRuns:
    """The configuration that got there most often, of those the one that took least."""
    configurations: dict[str, Runs] = defaultdict(list)
    for row in rows:
        configurations[repr(sorted(row.settings.items()))].append(row)
    chosen = min(configurations.values(), key=_took)
    stated: set[int] = set()
    runs = []
    for row in chosen:
        # A run of its own seed, or of one that its optimizer ran before, pairs with nothing.
        seed = -row.row if row.seed is None or row.seed in stated else row.seed
        stated.add(seed)
        runs.append(TargetRun(seed=seed, reached=bool(row.reached), amount=row.amount))
    return TargetRuns(
        optimizer=optimizer,
        size=size,
        settings=chosen[0].settings,
        runs=tuple(runs),
        selected_from=len(configurations),
    )


def _took(runs: Runs) -> tuple[float, float]:
    """The share of runs that never got there, and the mean logarithm of what the others took."""
    logs = [math.log(run.amount) for run in runs if run.reached and run.amount]
    mean = math.fsum(logs) / len(logs) if logs else math.inf
    return 1 - len(logs) / len(runs), mean


def _noise_of_logs(found: Sequence[TargetRuns], stated: float | None) -> dict[str, SeedNoise]:
    """Measured where some configuration has two runs that got there, else as stated."""
    nothing = stated_noise(stated or 0.0, "as stated: nothing was repeated")
    cells = {
        size: [
            [
                (one.optimizer, seed, log)
                for one in found
                if one.size == size
                for seed, log in one.logs.items()
            ]
        ]
        for size in dict.fromkeys(one.size for one in found)
    }
    noise = noise_by_size(cells, lambda size: nothing)
    return {size: one for size, one in noise.items() if one.measured or stated}


def _chosen(found: Sequence[TargetRuns]) -> Sequence[str]:
    """What choosing the best of several configurations does."""
    most = max(one.selected_from for one in found)
    if most < 2:
        return ()
    return (
        f"each optimizer is judged by the best of up to {most} configurations, on the runs that it "
        "was chosen by, so all are somewhat too fast; repeat the best ones on fresh seeds",
    )
