"""The seed noise of every size, worked out once: measured there, pooled over sizes, or assumed."""

import math
from collections.abc import Callable, Iterable, Mapping

from bestiary.laws import RESOLUTION, Noise, cell_noise, pooled, student_quantile
from bestiary.specs import Spec

# N and the standard deviation between seeds, in nats: what a quickstart's smallest models scattered
# by, and the published study's epsilon ablations.
_SMALL, _LARGE = (8_192.0, 0.03), (2.0**27, 0.0008)
# Degrees of freedom below which one size alone says too little about its noise.
ENOUGH_OWN, ENOUGH_SHARED = 4, 3
# A standard deviation that is assumed rather than measured counts as if from this many runs.
CERTAIN = 10_000

# Optimizer (and configuration, where several were repeated), seed and loss of one run.
SeedLoss = tuple[str, int, float]


class SeedNoise(Spec, frozen=True, kw_only=True):
    """The noise of one loss between seeds, in nats per token.

    Attributes:
        squares: Sums of squares and their degrees of freedom.
        source: Measured, stated or assumed, in words.
        measured: Whether it was measured rather than stated or assumed.
    """

    squares: Noise
    source: str
    measured: bool

    @property
    def own(self) -> float:
        """The part of one optimizer alone, which stays in a difference paired by seed."""
        return self.squares.own

    @property
    def shared(self) -> float:
        """The part common to all optimizers that ran a seed."""
        return self.squares.shared

    @property
    def total(self) -> float:
        """Of one run."""
        return self.squares.total

    @property
    def floored(self) -> float:
        """The same, no smaller than losses resolve: what a fit is weighted by."""
        return max(self.total, RESOLUTION)

    @property
    def paired(self) -> float:
        """Of the difference of two runs with the same seed."""
        return math.sqrt(2.0) * self.own

    @property
    def unpaired(self) -> float:
        """Of the difference of two runs with different seeds."""
        return math.sqrt(2.0) * self.total

    @property
    def freedom(self) -> int | None:
        """Degrees of freedom of `own`; None where it was not measured."""
        return self.squares.own_freedom if self.measured else None

    def half_width(self, deviation: float) -> float:
        """Half the 95% interval of a number that has this standard deviation by this noise."""
        freedom = math.inf if self.freedom is None else self.freedom
        return student_quantile(0.975, freedom) * deviation


def stated_noise(deviation: float, source: str) -> SeedNoise:
    """A noise that nobody measured here, with the standard deviation that is stated or assumed."""
    squares = Noise(own_squares=CERTAIN * deviation**2, own_freedom=CERTAIN)
    return SeedNoise(squares=squares, source=source, measured=False)


def assumed_noise(parameters: float) -> float:
    """The standard deviation between seeds that is assumed where nothing was repeated, in nats.

    The one rule for own, imported and everybody's results: 0.03 at 8k parameters falling as a power
    of N to 0.0008 at 130M, and as much on either side.
    """
    (small, loud), (large, quiet) = _SMALL, _LARGE
    share = math.log(parameters / small) / math.log(large / small)
    return float(loud * (quiet / loud) ** min(max(share, 0.0), 1.0))


def unmeasured_noise(parameters: float, stated: float | None) -> SeedNoise:
    """The noise of a size where no cell has two seeds: as stated, else by the one rule."""
    if stated is not None:
        return stated_noise(stated, "as stated: no cell has two seeds")
    return stated_noise(
        assumed_noise(parameters),
        "assumed from N: no cell has two seeds; `--noise` states another",
    )


def noise_by_size(
    cells: Mapping[str, Iterable[Iterable[SeedLoss]]], otherwise: Callable[[str], SeedNoise]
) -> dict[str, SeedNoise]:
    """The noise of every size.

    Args:
        cells: For every size the runs of each of its cells.
        otherwise: The noise of a size where no cell has two seeds.
    """
    parts = {size: [_of_cell(list(runs)) for runs in found] for size, found in cells.items()}
    everywhere = pooled(part for own in parts.values() for part in own)
    return {
        size: _chosen(size, pooled(own), everywhere, otherwise(size)) for size, own in parts.items()
    }


def _chosen(size: str, here: Noise, everywhere: Noise, otherwise: SeedNoise) -> SeedNoise:
    """This size's own noise where that is known well enough, else that of all sizes."""
    if here.own_freedom >= ENOUGH_OWN and here.shared_freedom >= ENOUGH_SHARED:
        return SeedNoise(squares=here, source=_measured(size, here), measured=True)
    if everywhere.own_freedom:
        source = _measured("all sizes together", everywhere)
        return SeedNoise(squares=everywhere, source=source, measured=True)
    return otherwise


def _measured(where: str, noise: Noise) -> str:
    return f"measured at {where}, {noise.own_freedom} degrees of freedom"


def _of_cell(runs: list[SeedLoss]) -> Noise:
    """The noise of the runs of one cell."""
    if not runs:
        return Noise()
    names, seeds, losses = zip(*runs, strict=True)
    return cell_noise(losses, names, seeds)
