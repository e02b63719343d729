"""What a study found, in one form for own studies, the published one and imported results.

Every answer reads this record and nothing else, so that a claim about one's own runs and a claim
about somebody's table are checked by the same code.
"""

import math
from collections.abc import Iterable

from bestiary.analysis._record import Estimate
from bestiary.errors import UserError
from bestiary.specs import Configuration, Spec


class Effort(Spec, frozen=True, kw_only=True):
    """The tuning behind one configuration.

    Attributes:
        runs: Tuning runs where it was tuned, diverged ones counted; None where not known.
        coordinates: Hyperparameters of which several values were tried there.
        unbracketed: Those whose chosen value lies on the edge of what was tried while the loss
            still falls towards that edge.
        inherited: Whether the configuration was tuned elsewhere, or predicted.
    """

    runs: int | None = None
    coordinates: tuple[str, ...] = ()
    unbracketed: tuple[str, ...] = ()
    inherited: bool = False


class RunCurve(Spec, frozen=True, kw_only=True):
    """One run's loss over its training.

    Attributes:
        seed: None where the source does not say.
        points: (share of the training, nats per token), ascending, the end last.
    """

    seed: int | None
    points: tuple[tuple[float, float], ...]


class Finding(Spec, frozen=True, kw_only=True):
    """One optimizer at one size and ratio.

    Attributes:
        parameters: N, non-embedding.
        tokens: Training tokens, 20 N times the ratio where not stated.
        loss: Nats per token, the mean of `runs` runs of one configuration.
        seeds: Different seeds among them; None where the source does not say.
        selected_from: Runs that this loss is the lowest of; 1 where it was measured afresh.
        full_length: Whether the run took the tokens of its ratio; None where not known.
        difference: Loss minus the baseline's at this cell.
        speedup: Tokens the baseline needs for this loss, over the tokens used.
        time_speedup: The same on the clock.
        step_time_ratio: Seconds per token over the baseline's.
        batches: The lowest loss at each batch size, in sequences, at which several learning rates
            were tried here; of own studies `bestiary.analysis.crossover` reads them.
        curves: Loss over training of the runs behind the loss, where there are any.
    """

    optimizer: str
    label: str
    size: str
    parameters: float
    ratio: float
    tokens: float
    loss: float
    runs: int
    seeds: int | None
    selected_from: int
    full_length: bool | None
    settings: Configuration
    effort: Effort
    difference: Estimate
    speedup: Estimate
    time_speedup: Estimate
    step_time_ratio: Estimate
    batches: dict[int, float] = {}
    curves: tuple[RunCurve, ...] = ()

    @property
    def cell(self) -> tuple[str, float]:
        """Size and ratio."""
        return self.size, self.ratio

    @property
    def place(self) -> str:
        """The cell in words: `130m 8x`."""
        return f"{self.size} {self.ratio:g}x"


class SeedNoise(Spec, frozen=True, kw_only=True):
    """The standard deviation of one loss between seeds, in nats per token.

    Attributes:
        own: The part of one optimizer alone, which stays in a difference paired by seed.
        shared: The part common to all optimizers that ran a seed.
        source: Measured, stated or assumed, in words.
        freedom: Degrees of freedom of `own`; None where it is stated or assumed.
    """

    own: float
    shared: float
    source: str
    freedom: int | None = None

    @property
    def total(self) -> float:
        """Of one run."""
        return math.hypot(self.own, self.shared)

    @property
    def paired(self) -> float:
        """Of the difference of two runs with the same seed."""
        return math.sqrt(2.0) * self.own

    @property
    def unpaired(self) -> float:
        """Of the difference of two runs with different seeds."""
        return math.sqrt(2.0) * self.total


class Findings(Spec, frozen=True, kw_only=True):
    """All findings of a study.

    Attributes:
        name: What a person calls it.
        kind: Where it comes from.
        baseline: The optimizer that speedups are measured against.
        found: Every optimizer at every cell that has a loss.
        missing: Optimizers without any finished run, or cells without one, in words.
        facts: What else identifies the study: data, seeds, versions, machine.
    """

    name: str
    kind: str
    baseline: str
    found: tuple[Finding, ...]
    noise: SeedNoise
    missing: tuple[str, ...] = ()
    facts: dict[str, str] = {}

    @property
    def optimizers(self) -> tuple[str, ...]:
        """Names in order of appearance."""
        return tuple(dict.fromkeys(one.optimizer for one in self.found))

    @property
    def labels(self) -> dict[str, str]:
        """Name -> the name in tables."""
        return {one.optimizer: one.label for one in self.found}

    @property
    def sizes(self) -> dict[str, float]:
        """Sizes and their N, ascending."""
        sizes = {one.size: one.parameters for one in self.found}
        return dict(sorted(sizes.items(), key=lambda item: item[1]))

    def of(self, optimizer: str) -> dict[tuple[str, float], Finding]:
        """The findings of one optimizer by cell, in order of N and ratio."""
        own = [one for one in self.found if one.optimizer == optimizer]
        return {one.cell: one for one in sorted(own, key=lambda one: (one.parameters, one.ratio))}

    def require(self) -> None:
        """Refuse findings on which no comparison can rest.

        Raises:
            UserError: no finished run of the baseline, or of anything else.
        """
        if not self.found:
            raise UserError(f"{self.name} has no finished run; let some runs finish first")
        if self.baseline not in self.optimizers:
            raise UserError(
                f"the baseline must have finished runs, but {self.baseline!r} has none in "
                f"{self.name}, only {', '.join(self.optimizers)}"
            )


def places(found: Iterable[Finding], most: int = 6) -> str:
    """Cells in words, ratios of one size together: `130m 1x 2x, 300m 1x`."""
    by_size: dict[str, list[str]] = {}
    for one in found:
        by_size.setdefault(one.size, []).append(f"{one.ratio:g}x")
    told = [f"{size} {' '.join(dict.fromkeys(ratios))}" for size, ratios in by_size.items()]
    more = f" and {len(told) - most} more sizes" if len(told) > most else ""
    return ", ".join(told[:most]) + more
