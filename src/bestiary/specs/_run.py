"""A run is one training: a `RunSpec` in, a `RunResult` out."""

from typing import Annotated, Final, Literal

import msgspec
from msgspec import Meta

from bestiary.errors import UserError
from bestiary.specs._bounds import MOST_COUNT, Count, CountOrNone, Fraction, Natural
from bestiary.specs._model import ModelSpec
from bestiary.specs._spec import Spec, digest

SCHEMA: Final = 2
Setting = float | int | bool | str
# How the learning rate goes over a run, see `ScheduleSpec`.
ScheduleKind = Literal["cosine", "linear", "wsd", "constant"]
ComputeDtype = Literal["float32", "bfloat16"]


class DataSpec(Spec, frozen=True, kw_only=True):
    """The corpus a run reads, named by content so that a result says what it was trained on.

    Attributes:
        name: What a person calls it, for instance `"stdlib"`; no part of a run's identity.
        digest: The sha256 of the prepared corpus: tokens of every split, sources and weights.
    """

    name: str
    digest: Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]


class OptimizerSpec(Spec, frozen=True, kw_only=True, omit_defaults=True):
    """An optimizer with every one of its hyperparameters stated.

    Attributes:
        name: Its name in the catalogue, or the entry point of another package.
        settings: Every hyperparameter.
        package: Of another package's optimizer: name, version and hash of its code, so that a
            changed optimizer is another run. Empty, and no part of the run's identity, for one of
            the catalogue.
    """

    name: str
    settings: dict[str, Setting]
    package: str = ""


class ScheduleSpec(Spec, frozen=True, kw_only=True):
    """The learning rate over a run, as a factor of the peak.

    Attributes:
        kind: `cosine` or `linear` (warm up, then decay to the end), `wsd` (warm up, stay, decay
            linearly over the last `decay_fraction`), `constant` (warm up, stay).
        warmup_steps: Steps of linear warm-up.
        decay_fraction: Share of all steps that decay; read by `wsd` alone.
        final_fraction: The factor reached at the end of a decay.
    """

    kind: ScheduleKind = "cosine"
    warmup_steps: Annotated[float, Meta(ge=0, le=MOST_COUNT)] = 0.0
    decay_fraction: Fraction = 1.0
    final_fraction: Fraction = 0.0


class RunSpec(Spec, frozen=True, kw_only=True):
    """Everything that decides the numbers of one training. Its digest is the run's identity.

    Attributes:
        batch_size: Sequences per step.
        steps: Optimizer steps.
        seed: Decides initialisation and data order.
        accumulation: Micro-batches per step; divides `batch_size`.
        evaluate_every: Steps between evaluations; 0 evaluates at the end only.
        evaluation_sequences: Sequences read of each validation set, evenly spaced; 0 reads all.
        compute_dtype: Type of activations and matrix products; parameters stay float32.
        schema: What the identity is of: in 1 the corpus's name was part of it.
    """

    model: ModelSpec
    data: DataSpec
    optimizer: OptimizerSpec
    schedule: ScheduleSpec = ScheduleSpec()
    batch_size: Count
    steps: Count
    seed: Natural = 0
    accumulation: Count = 1
    evaluate_every: CountOrNone = 0
    evaluation_sequences: CountOrNone = 0
    compute_dtype: ComputeDtype = "float32"
    schema: Literal[1, 2] = SCHEMA

    def __post_init__(self) -> None:
        if self.batch_size % self.accumulation:
            raise UserError(
                "accumulation must divide batch_size, "
                f"got batch_size={self.batch_size}, accumulation={self.accumulation}"
            )
        if self.schedule.warmup_steps > self.steps:
            raise UserError(
                "warm-up must not be longer than the run, "
                f"got warmup_steps={self.schedule.warmup_steps:g}, steps={self.steps}"
            )

    @property
    def tokens(self) -> int:
        """Training tokens of the whole run."""
        return self.steps * self.batch_size * self.model.context

    @property
    def flops(self) -> int:
        """Model FLOPs of the whole run, without the optimizer's own."""
        return self.tokens * self.model.flops_per_token


def run_id(spec: RunSpec) -> str:
    """The run's identity: the sha256 of its canonical JSON, schema version inside.

    The corpus enters by its digest alone: one text has many names, and is one run.
    """
    if spec.schema == 1:
        return digest(spec)
    nameless = DataSpec(name="", digest=spec.data.digest)
    return digest(msgspec.structs.replace(spec, data=nameless))
