"""A study is a question answered by many runs: optimizers x sizes x data-to-model ratios."""

from typing import Literal

from msgspec import UNSET, UnsetType

from bestiary.errors import UserError, unknown
from bestiary.specs._bounds import Count, CountOrNone, Nats, Natural, Positive
from bestiary.specs._feasible import Feasible
from bestiary.specs._model import ModelSpec
from bestiary.specs._phases import Cell, Phases
from bestiary.specs._run import (
    SCHEMA,
    ComputeDtype,
    DataSpec,
    RunSpec,
    ScheduleKind,
    Setting,
)
from bestiary.specs._spec import Spec

Configuration = dict[str, Setting]
# What a run is for: phase I, II, III, or the report of a winner.
Purpose = Literal["tune", "follow", "confirm", "report"]
PURPOSES: dict[Purpose, str] = {
    "tune": "phase I",
    "follow": "phase II",
    "confirm": "phase III",
    "report": "report",
}


class Candidate(Spec, frozen=True, kw_only=True):
    """An optimizer as it competes in a study.

    Attributes:
        name: Its name in the catalogue.
        label: Its name in tables and figures.
        family: `scalar`, `variance-reduced`, `matrix` or `second-order`.
        schedule: The kind of learning-rate schedule it is trained with.
        start: The complete starting configuration: every hyperparameter of the optimizer, and any
            of `RUN_COORDINATES`.
        grid: The values tried for each tuned coordinate, in the order in which they are tuned.
        extend: Coordinates whose grid grows geometrically until the optimum is bracketed.
        package: What an optimizer of another package is, see `OptimizerSpec`; else empty.
        ranges: What each number of the start and the grid can be, from the optimizer's own types: a
            grid that grows approaches an end and never passes it, and no law leaves the range.
    """

    name: str
    label: str
    family: str
    schedule: ScheduleKind = "cosine"
    start: Configuration
    grid: dict[str, tuple[Setting, ...]]
    extend: tuple[str, ...] = ("learning_rate",)
    package: str = ""
    ranges: dict[str, Feasible] = {}


class Tuning(Spec, frozen=True, kw_only=True):
    """How hard each optimizer is tuned: the same for all.

    Attributes:
        cells: Where everything is tuned; without phases, other cells inherit from the nearest.
        runs_per_cell: At most this many tuning runs per optimizer and cell.
        minimum_gain: A move must lower the selection loss by more than this, in nats per token.
        seed: The one seed of all tuning runs.
    """

    cells: tuple[Cell, ...]
    runs_per_cell: Count
    minimum_gain: Nats = 3e-3
    seed: Natural = 0


class Study(Spec, frozen=True, kw_only=True):
    """A question, and everything that decides which runs answer it.

    Attributes:
        name: The study's short name.
        question: The question in words.
        baseline: The candidate whose loss curve defines speedup.
        candidates: The optimizers compared.
        sizes: Model shapes by name.
        ratios: Data-to-model ratios, tokens over 20 N.
        data: The corpus.
        batch_size: Sequences per step where a configuration does not say.
        tuning: How the candidates are tuned.
        seeds: Fresh seeds on which the winners are re-run and reported, paired over optimizers.
        evaluations: Evaluations over a reported run, the final one included.
        evaluation_sequences: Sequences read of each validation set; 0 reads all.
        compute_dtype: Type of activations and matrix products.
        tokenizer: What its models' ids are: `byte`, or in words, for instance `Llama 3`. Empty
            where any tokenizer will do that they have ids for; bytes then need models of 256. The
            corpus decides the runs, so this is no part of their identity.
        schema: The schema of its runs, see `RunSpec`.
        phases: How tuning is carried to other cells; they inherit where this is not said.
    """

    name: str
    question: str
    baseline: str = "adamw"
    candidates: tuple[Candidate, ...]
    sizes: dict[str, ModelSpec]
    ratios: tuple[Positive, ...]
    data: DataSpec
    batch_size: Count
    tuning: Tuning
    seeds: tuple[Natural, ...]
    evaluations: Count = 8
    evaluation_sequences: CountOrNone = 0
    compute_dtype: ComputeDtype = "float32"
    tokenizer: str = ""
    schema: Literal[1, 2] = SCHEMA
    phases: Phases | UnsetType = UNSET

    def __post_init__(self) -> None:
        for field in ("candidates", "sizes", "ratios", "seeds"):
            if not getattr(self, field):
                raise UserError(f"a study needs at least one of its {field}, got none; add one")
        if not self.tuning.cells:
            raise UserError("tuning needs at least one cell, got none; add one to tuning.cells")
        names = [candidate.name for candidate in self.candidates]
        if self.baseline not in names:
            raise UserError(
                f"the baseline must be a candidate, got {self.baseline!r}, not in {names}"
            )
        if self.tuning.seed in self.seeds:
            raise UserError(
                f"report seeds must be fresh, but {self.tuning.seed} is the tuning seed; remove it"
            )
        if isinstance(self.phases, Phases):
            _check_phases(self, self.phases)

    @property
    def cells(self) -> tuple[Cell, ...]:
        """Every size at every ratio, sizes first; with phases, those that have one."""
        every = (Cell(size=size, ratio=ratio) for size in self.sizes for ratio in self.ratios)
        if not isinstance(self.phases, Phases):
            return tuple(every)
        named = {*self.tuning.cells, *self.phases.followed, *self.phases.predicted}
        return tuple(cell for cell in every if cell in named)

    def candidate(self, name: str) -> Candidate:
        """The candidate of that name (raises KeyError where there is none)."""
        return {candidate.name: candidate for candidate in self.candidates}[name]


class Planned(Spec, frozen=True, kw_only=True):
    """A run that a study still needs, and what for."""

    run: RunSpec
    optimizer: str
    cell: Cell
    purpose: Purpose
    configuration: Configuration


def _check_phases(study: Study, phases: Phases) -> None:
    """Refuse phases that could never be gone through."""
    names = [candidate.name for candidate in study.candidates]
    for name in (*phases.predicted_candidates, *phases.grids):
        if name not in names:
            raise unknown("candidate", name, names)
    seen: dict[Cell, str] = {}
    for phase, cells in (
        ("tuned", study.tuning.cells),
        ("followed", phases.followed),
        ("predicted", phases.predicted),
    ):
        for cell in dict.fromkeys(cells):
            if seen.setdefault(cell, phase) != phase:
                raise UserError(
                    f"a cell has one phase, but {cell.size} {cell.ratio:g}x is {seen[cell]} and "
                    f"{phase}; remove it from one"
                )
            if cell.size not in study.sizes:
                raise unknown("size", cell.size, study.sizes)
            if cell.ratio not in study.ratios:
                raise UserError(
                    f"a {phase} cell must have a ratio of the study, got {cell.size} "
                    f"{cell.ratio:g}x; its ratios are {', '.join(f'{r:g}' for r in study.ratios)}"
                )
    repeated = {*phases.more_seeds} & {*study.seeds, study.tuning.seed}
    if repeated:
        raise UserError(f"more_seeds must be fresh, but {min(repeated)} is used already; remove it")
