"""What was seen: the one record of an own study, the published one and anybody's results.

Every measure and every answer reads this record, so that a claim about one's own runs and a claim
about somebody's table are worked out by the same code. Losses are nats per token; ratios are tokens
over 20 N.
"""

from collections.abc import Iterable
from typing import Literal

import numpy as np

from bestiary.errors import UserError
from bestiary.evidence._noise import SeedNoise
from bestiary.specs import Cell, Configuration, Feasible, Spec, TaskScore
from bestiary.tune import Spending, TuningEffort

State = Literal["done", "diverged", "failed"]
Key = tuple[str, str, float]


class Contender(Spec, frozen=True, kw_only=True):
    """An optimizer as it competed.

    Attributes:
        label: Its name in tables and figures.
        family: `scalar`, `variance-reduced`, `matrix` or `second-order`; empty where not known.
        schedule: The kind of learning-rate schedule it ran with, where its settings name none;
            empty where not known.
        ranges: What each of its hyperparameters can be.
    """

    label: str
    family: str = ""
    schedule: str = ""
    ranges: dict[str, Feasible] = {}


class LossCourse(Spec, frozen=True, kw_only=True):
    """A loss over a training.

    Attributes:
        progress: Tokens or steps, as the source counts; ascending, the end of the run last.
        losses: Nats per token at each.
    """

    progress: tuple[float, ...] = ()
    losses: tuple[float, ...] = ()


class SeedRun(Spec, frozen=True, kw_only=True):
    """One run of the configuration that an optimizer is judged by.

    Attributes:
        seed: None where the source does not say.
        loss: On the set that is reported; None unless done.
        step_seconds: Median seconds of a step; None where not measured.
        bits_per_byte: None where not measured.
        state_bytes: Bytes of optimizer state; None where not measured.
        validation: The reported loss over the training.
        training: The training loss over it.
        run_id: Of an own run; else empty.
        scores: On downstream tasks, by task and shots; empty where it was asked none.
        odd: Whether it lies so far from the others that it is left out of means.
    """

    seed: int | None
    state: State
    loss: float | None
    step_seconds: float | None = None
    bits_per_byte: float | None = None
    state_bytes: int | None = None
    validation: LossCourse = LossCourse()
    training: LossCourse = LossCourse()
    run_id: str = ""
    scores: dict[str, TaskScore] = {}
    odd: bool = False


class Tried(Spec, frozen=True, kw_only=True):
    """One run of a tuning.

    Attributes:
        settings: Its configuration.
        loss: What tuning went by; None unless done.
        batch_size: Sequences per step; None where the source does not say.
    """

    settings: Configuration
    state: State
    loss: float | None
    batch_size: int | None = None


class TuningBehind(Spec, frozen=True, kw_only=True):
    """The tuning behind one configuration.

    Attributes:
        runs: Tuning runs where it was tuned, diverged ones counted; None where not known.
        coordinates: Hyperparameters of which several values were tried there.
        unbracketed: Those on an edge of what was tried, as `bestiary.tune.edges` defines it.
        cell: Where it was tuned; None where no tuning is known.
        inherited: Whether the configuration was tuned elsewhere, or predicted.
    """

    runs: int | None = None
    coordinates: tuple[str, ...] = ()
    unbracketed: tuple[str, ...] = ()
    cell: Cell | None = None
    inherited: bool = False


class Observation(Spec, frozen=True, kw_only=True):
    """One optimizer at one size and ratio.

    Attributes:
        parameters: N, non-embedding.
        tokens: Training tokens of one run, 20 N times the ratio where not stated.
        tokens_per_step: None where not known.
        settings: The configuration it is judged by; empty where there is none yet.
        runs: The runs of that configuration, by seed.
        pending: How many more of them are planned.
        selected_from: Runs that this configuration's loss is the lowest of; 1 where it was
            measured afresh.
        full_length: Whether the runs took the tokens of their ratio; None where not known.
        tuning: What the configuration rests on.
        tried: The tuning runs at this very cell, in order.
    """

    optimizer: str
    size: str
    parameters: float
    ratio: float
    tokens: float
    tokens_per_step: float | None = None
    settings: Configuration = {}
    runs: tuple[SeedRun, ...] = ()
    pending: int = 0
    selected_from: int = 1
    full_length: bool | None = None
    tuning: TuningBehind = TuningBehind()
    tried: tuple[Tried, ...] = ()

    @property
    def cell(self) -> Cell:
        """Size and ratio."""
        return Cell(size=self.size, ratio=self.ratio)

    @property
    def key(self) -> Key:
        """Optimizer, size and ratio."""
        return self.optimizer, self.size, self.ratio

    @property
    def place(self) -> str:
        """The cell in words: `130m 8x`."""
        return f"{self.size} {self.ratio:g}x"

    @property
    def done(self) -> tuple[SeedRun, ...]:
        """The runs that reached their end, without odd ones."""
        return tuple(run for run in self.runs if run.loss is not None and not run.odd)

    @property
    def losses(self) -> list[float]:
        """Their losses."""
        return [run.loss for run in self.done if run.loss is not None]

    @property
    def loss(self) -> float:
        """The mean of them, of an observation that is among `Evidence.found`."""
        return float(np.mean(self.losses))

    @property
    def seeds(self) -> frozenset[int]:
        """The stated seeds of the runs that reached their end."""
        return frozenset(run.seed for run in self.done if run.seed is not None)

    @property
    def seed_count(self) -> int | None:
        """How many different seeds they are; None where the source does not say."""
        return len(self.seeds) if all(run.seed is not None for run in self.done) else None

    @property
    def seconds_per_token(self) -> list[float]:
        """Of the runs in which steps were timed."""
        if self.tokens_per_step is None:
            return []
        return [run.step_seconds / self.tokens_per_step for run in self.done if run.step_seconds]

    def count(self, state: State) -> int:
        """How many runs ended so."""
        return sum(run.state == state for run in self.runs)


class Provenance(Spec, frozen=True, kw_only=True):
    """What the numbers rest on.

    Attributes:
        study_digest: The sha256 of the study; empty of other people's results.
        environment: Versions and machine as the runs recorded them; several values of one key are
            joined by "; ".
        command: The command that produced the study; empty where unknown.
    """

    study_digest: str = ""
    data_name: str = ""
    data_digest: str = ""
    environment: dict[str, str] = {}
    command: str = ""


class Evidence(Spec, frozen=True, kw_only=True):
    """All that was seen of a question.

    Attributes:
        name: What a person calls it.
        kind: Where it comes from.
        question: In words; empty where nobody stated it.
        baseline: The optimizer that speedups are measured against.
        contenders: The optimizers, in the order of tables.
        sizes: Sizes and their N, ascending.
        observations: Every optimizer at every cell: sizes, ratios, optimizers.
        noise: The seed noise of every size.
        tuning_luck: By how much a tuned configuration may be worse than the best, in nats, on
            average; 0 where intervals leave it out.
        planned: Runs planned so far.
        finished: Those with a result.
        effort: What tuning each optimizer cost, of own studies.
        spending: What was planned against what was spent, of own studies.
        price: Of one device for one hour; 0 where nothing was said.
        provenance: What it rests on.
        clock_doubt: Why times measured here may be off, in words, as among the notes too; empty
            where nothing says so.
        notes: What the results do not allow to conclude, in words.
        facts: What else identifies the study, to tell two studies apart.
    """

    name: str
    kind: Literal["own study", "imported results", "published study"]
    question: str = ""
    baseline: str
    contenders: dict[str, Contender]
    sizes: dict[str, float]
    observations: tuple[Observation, ...]
    noise: dict[str, SeedNoise]
    tuning_luck: float = 0.0
    planned: int = 0
    finished: int = 0
    effort: tuple[TuningEffort, ...] = ()
    spending: tuple[Spending, ...] = ()
    price: float = 0.0
    provenance: Provenance = Provenance()
    clock_doubt: str = ""
    notes: tuple[str, ...] = ()
    facts: dict[str, str] = {}

    @property
    def source(self) -> str:
        """Whose results, as every answer says it."""
        return f"{self.name} ({self.kind})"

    @property
    def found(self) -> tuple[Observation, ...]:
        """The observations that have a loss."""
        return tuple(one for one in self.observations if one.done)

    @property
    def optimizers(self) -> tuple[str, ...]:
        """The optimizers that have a loss, in the order of tables."""
        found = {one.optimizer for one in self.found}
        return tuple(name for name in self.contenders if name in found)

    @property
    def labels(self) -> dict[str, str]:
        """Name -> the name in tables, of all that have a loss."""
        return {name: self.contenders[name].label for name in self.optimizers}

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every size and ratio, in order of appearance."""
        return tuple(dict.fromkeys(one.cell for one in self.observations))

    @property
    def measured_sizes(self) -> dict[str, float]:
        """The sizes at which anything has a loss, and their N, ascending."""
        found = {one.size for one in self.found}
        return {size: own for size, own in self.sizes.items() if size in found}

    def of(self, optimizer: str) -> dict[Cell, Observation]:
        """What has a loss of one optimizer, by cell, in order of N and ratio."""
        own = [one for one in self.found if one.optimizer == optimizer]
        return {one.cell: one for one in sorted(own, key=lambda one: (one.parameters, one.ratio))}

    def of_size(self, size: str) -> tuple[Observation, ...]:
        """What was seen at one size, in order of ratio."""
        own = [one for one in self.observations if one.size == size]
        return tuple(sorted(own, key=lambda one: one.ratio))

    def noise_near(self, parameters: float) -> SeedNoise:
        """The noise of the size nearest to N in its logarithm."""
        sizes = self.measured_sizes or self.sizes
        near = min(sizes, key=lambda size: max(sizes[size] / parameters, parameters / sizes[size]))
        return self.noise[near]


def require_results(evidence: Evidence) -> None:
    """Refuse results on which no comparison can rest.

    Raises:
        UserError: no finished run of the baseline, or of anything else.
    """
    if not evidence.found:
        raise UserError(f"{evidence.name} has no finished run; let some runs finish first")
    if evidence.baseline not in evidence.optimizers:
        raise UserError(
            f"the baseline must have finished runs, but {evidence.baseline!r} has none in "
            f"{evidence.name}, only {', '.join(evidence.optimizers)}"
        )


def places(found: Iterable[Observation], most: int = 6) -> str:
    """Cells in words, ratios of one size together: `130m 1x 2x, 300m 1x`."""
    by_size: dict[str, list[str]] = {}
    for one in found:
        by_size.setdefault(one.size, []).append(f"{one.ratio:g}x")
    told = [f"{size} {' '.join(dict.fromkeys(ratios))}" for size, ratios in by_size.items()]
    more = f" and {len(told) - most} more sizes" if len(told) > most else ""
    return ", ".join(told[:most]) + more
