"""What phase I taught about a candidate: which of its hyperparameters depend on scale."""

import math
from collections.abc import Mapping, Sequence

import msgspec
import numpy as np

from bestiary.specs import (
    Candidate,
    Cell,
    Configuration,
    Freezing,
    Phases,
    Setting,
    Spec,
    Study,
)
from bestiary.tune._run import model_of
from bestiary.tune._sensitivity import Sensitivity, sensitivity
from bestiary.tune._shown import NoisyTrials, shown
from bestiary.tune._tuning import Assignment, CellTuning

# A loss is no worse than another where it is higher by less than this many deviations of noise.
DEVIATIONS = 3.0
SHOWN = (
    "frozen is only what is shown, with 95% confidence in view of the noise between seeds, to cost "
    "less than the tolerance in every tuned cell; what noise leaves open is followed, as far as "
    "the runs of a cell reach"
)
STATED = "what phase II tunes is stated by the study"
UNKNOWN = "no noise was measured, so nothing is shown to be the same everywhere: all is followed"


class MeasuredNoise(Spec, frozen=True, kw_only=True):
    """The deviation between seeds of one candidate's losses.

    Attributes:
        deviation: In nats per token; 0 where nothing was measured.
        freedom: Degrees of freedom; 0 where nothing was measured.
    """

    deviation: float = 0.0
    freedom: int = 0


class Transfer(Spec, frozen=True, kw_only=True):
    """What phase I taught about one candidate.

    Attributes:
        noise: Between its seeds, as measured in phase I.
        found: What was judged about every hyperparameter that was varied.
        followed: The coordinates that phase II tunes.
        frozen: The others that were varied, with the value that they keep; None where it is that
            of the nearest tuned cell.
        tolerance: A loss is near-optimal where it is higher by less, in nats per token; by `shown`
            what freezing may cost.
        rule: What was frozen: by `near-optimal` what does not depend on scale as far as can be
            seen, by `shown` what is shown not to.
        reason: The rule that this was judged by, in words.
    """

    noise: MeasuredNoise
    found: tuple[Sensitivity, ...]
    followed: tuple[str, ...]
    frozen: dict[str, Setting | None]
    tolerance: float
    rule: Freezing
    reason: str


def measured_noise(losses: Sequence[Sequence[float]]) -> MeasuredNoise:
    """The noise of losses that differ by their seed alone, pooled over cells.

    Args:
        losses: For every cell those of its seeds, in nats per token.
    """
    several = [np.asarray(one, float) for one in losses if len(one) > 1]
    freedom = sum(one.size - 1 for one in several)
    squares = sum(float(((one - one.mean()) ** 2).sum()) for one in several)
    return MeasuredNoise(
        deviation=math.sqrt(squares / freedom) if freedom else 0.0, freedom=freedom
    )


def transfer(
    study: Study,
    phases: Phases,
    candidate: Candidate,
    tunings: Mapping[Cell, CellTuning],
    fresh: Mapping[Cell, Sequence[float]],
) -> Transfer:
    """Judge every hyperparameter of a candidate by its trials in the tuned cells.

    Args:
        study: The question.
        phases: Its phases.
        candidate: Whose.
        tunings: Its tuning in every cell of phase I; all have ended.
        fresh: The losses of the winners on fresh seeds, in nats per token; none by `study`.
    """
    won = {cell: one for cell, one in tunings.items() if one.winner is not None}
    noise = measured_noise(list(fresh.values()))
    if phases.protocol == "bestiary" and phases.freezing == "shown":
        judged = _shown(phases, won, noise, fresh)
    else:
        judged = _near_optimal(study, phases, candidate, won, noise)
    followed, reason = judged.followed, judged.reason
    if len(won) < 2:
        reason = "one tuned cell cannot show what is the same in others, so nothing is frozen"
    if candidate.name in phases.grids:
        followed = tuple(phases.grids[candidate.name])
        # By `shown` the rule would say that what is frozen was shown, which nobody asked.
        reason = STATED if judged.rule == "shown" else f"{reason}; {STATED}"
    keeps = phases.protocol == "bestiary"
    frozen = {
        one.name: one.value if keeps else None for one in judged.found if one.name not in followed
    }
    return msgspec.structs.replace(judged, followed=followed, frozen=frozen, reason=reason)


def _near_optimal(
    study: Study,
    phases: Phases,
    candidate: Candidate,
    won: Mapping[Cell, CellTuning],
    noise: MeasuredNoise,
) -> Transfer:
    """Followed is what has no value that is near-optimal in every cell, as the study did."""
    tolerance, reason = _tolerance(study, phases, noise)
    found = sensitivity([one.losses for one in won.values()], tolerance)
    sensitive = {one.name for one in found if one.sensitive or len(won) < 2}
    return Transfer(
        noise=noise,
        found=found,
        followed=tuple(name for name in candidate.grid if name in sensitive),
        frozen={},
        tolerance=tolerance,
        rule="near-optimal",
        reason=reason,
    )


def _shown(
    phases: Phases,
    won: Mapping[Cell, CellTuning],
    noise: MeasuredNoise,
    fresh: Mapping[Cell, Sequence[float]],
) -> Transfer:
    """Followed is whatever is not shown to cost less than the tolerance when it is frozen."""
    regimes = [
        NoisyTrials(one.losses, max(noise.deviation, measured_noise([fresh[cell]]).deviation))
        for cell, one in won.items()
    ]
    told = len(won) > 1 and noise.freedom > 0
    found = shown(regimes, noise.freedom, phases.near) if told else ()
    kept = {one.name for one in found if not one.sensitive}
    (candidate, *_) = (one.candidate for one in won.values())
    varies = (
        name for name, row in candidate.grid.items() if len({*row, candidate.start[name]}) > 1
    )
    return Transfer(
        noise=noise,
        found=found,
        followed=tuple(name for name in varies if name not in kept),
        frozen={},
        tolerance=phases.near,
        rule="shown",
        reason=SHOWN if noise.freedom else UNKNOWN,
    )


def _tolerance(study: Study, phases: Phases, noise: MeasuredNoise) -> tuple[float, str]:
    if phases.protocol == "study":
        return phases.near, f"near-optimal is within {phases.near:g} nats, as in the study"
    if not noise.freedom:
        return phases.near, f"no noise was measured: near-optimal is within {phases.near:g} nats"
    return max(DEVIATIONS * noise.deviation, study.tuning.minimum_gain), (
        f"near-optimal is within {DEVIATIONS:g} deviations of the measured noise, and at least "
        "what a move must gain"
    )


def follow(
    study: Study,
    phases: Phases,
    learnt: Transfer,
    cell: Cell,
    nearest: CellTuning,
) -> Assignment:
    """What phase II asks in a cell: from the nearest optimum, the sensitive coordinates alone."""
    assert nearest.winner is not None
    candidate = nearest.candidate
    start = carried(nearest.winner.planned.configuration, learnt)
    grids = phases.grids.get(candidate.name, candidate.grid)
    return Assignment(
        candidate=msgspec.structs.replace(
            candidate, start=start, grid={name: grids[name] for name in learnt.followed}
        ),
        cell=cell,
        purpose="follow",
        method="stars" if phases.protocol == "study" else "joint descent",
        runs=phases.followed_runs,
    )


def carried(configuration: Configuration, learnt: Transfer) -> Configuration:
    """A configuration of a tuned cell, with the frozen values that hold everywhere."""
    held = {name: value for name, value in learnt.frozen.items() if value is not None}
    return {**configuration, **held}


def distance(study: Study, cell: Cell, other: Cell) -> float:
    """How far two cells are apart, in log size and log ratio."""
    size = model_of(study, cell).matrix_parameters / model_of(study, other).matrix_parameters
    return math.hypot(math.log(size), math.log(cell.ratio / other.ratio))
