"""Which noise a size has: measured there, pooled with other sizes, or assumed and said so."""

import math
from collections.abc import Callable
from dataclasses import dataclass

from bestiary.analysis._observations import Observations, Reported, of_size
from bestiary.laws import Noise, cell_noise, pooled

# Between the 0.001 nats of models from 130m on and the 0.03 of the smallest on a laptop.
ASSUMED = 0.01
# Degrees of freedom below which one size alone says too little about its noise.
ENOUGH_OWN, ENOUGH_SHARED = 4, 3
# A standard deviation that is assumed rather than measured counts as if from this many runs.
_CERTAIN = 10_000


@dataclass(frozen=True)
class SizeNoise:
    """The seed noise of one size, in nats, and whether it was measured rather than assumed."""

    noise: Noise
    measured: bool = True


def loss_noise(found: Observations, size: str, assumed: float = ASSUMED) -> SizeNoise:
    """The seed noise of the reported losses of one size.

    Args:
        found: All reported runs.
        size: The size; where it has too few repeated runs, all sizes are pooled.
        assumed: Standard deviation between seeds, in nats, where no cell has two seeds.
    """
    here = _pooled(of_size(found, size), _cell_losses)
    if here.own_freedom >= ENOUGH_OWN and here.shared_freedom >= ENOUGH_SHARED:
        return SizeNoise(here)
    everywhere = _pooled(found, _cell_losses)
    if everywhere.own_freedom:
        return SizeNoise(everywhere)
    squares = _CERTAIN * assumed**2
    return SizeNoise(Noise(own_squares=squares, own_freedom=_CERTAIN), measured=False)


def time_noise(found: Observations, size: str) -> Noise | None:
    """The noise of log seconds per token; None where no configuration was timed twice."""
    here = _pooled(of_size(found, size), _cell_times)
    if here.own_freedom >= ENOUGH_OWN:
        return here
    everywhere = _pooled(found, _cell_times)
    return everywhere if everywhere.own_freedom else None


Runs = list[tuple[str, int, float]]


def _pooled(found: Observations, runs_of: Callable[[dict[str, Reported]], Runs]) -> Noise:
    """The noise of every cell, pooled."""
    parts = [runs_of(groups) for groups in found.values()]
    return pooled(
        cell_noise([run[2] for run in runs], [run[0] for run in runs], [run[1] for run in runs])
        for runs in parts
        if runs
    )


def _cell_losses(groups: dict[str, Reported]) -> Runs:
    """Optimizer, seed and loss of each finished run."""
    return [
        (name, seed, loss) for name, group in groups.items() for seed, loss in group.losses.items()
    ]


def _cell_times(groups: dict[str, Reported]) -> Runs:
    """The same for log seconds per token. Every run is a block of its own: seeds share no clock."""
    times = [
        (name, math.log(seconds))
        for name, group in groups.items()
        for seconds in group.seconds_per_token.values()
    ]
    return [(name, block, time) for block, (name, time) in enumerate(times)]
