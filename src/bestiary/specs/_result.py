"""What a run leaves: losses, curves, time and where it ran. Divergence is a result."""

from functools import cache
from typing import Literal

from bestiary.errors import UserError
from bestiary.specs._kinds import PLACEMENT, TRUNK_STEPS
from bestiary.specs._placement import ONE_DEVICE, placement_from
from bestiary.specs._spec import Spec

SPLITS = ("selection", "report")


class Evaluation(Spec, frozen=True, kw_only=True):
    """The losses on both validation sets after some step.

    Attributes:
        step: Optimizer steps taken before it.
        tokens: Training tokens seen before it.
        loss: Nats per token by split; `selection` is for tuning, `report` for reporting.
    """

    step: int
    tokens: int
    loss: dict[str, float]


class TrainPoint(Spec, frozen=True, kw_only=True):
    """One point of the training curve: mean loss of a window of steps, in nats per token."""

    step: int
    loss: float


class RunResult(Spec, frozen=True, kw_only=True):
    """The outcome of one run.

    Attributes:
        run_id: The digest of the `RunSpec`.
        state: `done`; `diverged` (a result, ranked worst, never retried); `failed` (with `reason`).
        loss: Final nats per token by split (`selection`, `report`); empty unless done.
        bits_per_byte: The same in bits per byte of text.
        evaluations: Every evaluation, the final one last.
        curve: The training loss, thinned to a few hundred points.
        last_step: Steps taken.
        last_finite_loss: The last finite training loss of a diverged run.
        tokens: Training tokens seen.
        seconds: Wall-clock seconds of training, without compilation and evaluation.
        compile_seconds: Seconds of tracing and compilation.
        step_seconds: Median seconds of one optimizer step.
        state_bytes: Bytes of optimizer state.
        reason: Why a failed run failed; empty otherwise.
        environment: Versions, machine, device; what a reader needs to judge the times.
    """

    run_id: str
    state: Literal["done", "diverged", "failed"]
    loss: dict[str, float] = {}
    bits_per_byte: dict[str, float] = {}
    evaluations: tuple[Evaluation, ...] = ()
    curve: tuple[TrainPoint, ...] = ()
    last_step: int = 0
    last_finite_loss: float | None = None
    tokens: int = 0
    seconds: float = 0.0
    compile_seconds: float = 0.0
    step_seconds: float = 0.0
    state_bytes: int = 0
    reason: str = ""
    environment: dict[str, str] = {}

    @property
    def own_share(self) -> float:
        """The share of its steps that it took itself: a shorter run of its trunk took the others.

        What a study spent is that share of `seconds` and `tokens`, which are of all its steps:
        `device_seconds` and `own_tokens`.
        """
        try:
            shared = int(self.environment.get(TRUNK_STEPS, "0"))
        except ValueError:  # somebody else's record
            return 1.0
        return 1.0 - min(1.0, max(0, shared) / max(1, self.last_step))

    @property
    def own_tokens(self) -> int:
        """The tokens of the steps that it took itself."""
        return round(self.own_share * self.tokens)

    @property
    def devices(self) -> int:
        """Over how many it was laid."""
        return _devices(self.environment.get(PLACEMENT, str(ONE_DEVICE)))

    @property
    def device_seconds(self) -> float:
        """What it cost: training its own steps and compilation, added up over its devices."""
        return self.devices * (self.own_share * self.seconds + self.compile_seconds)


@cache
def _devices(placement: str) -> int:
    try:
        return placement_from(placement).devices
    except UserError:  # somebody else's record
        return 1
