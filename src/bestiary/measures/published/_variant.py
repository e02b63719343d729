"""One version of the published losses, redrawn with noise: what claims are checked against."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bestiary.evidence.published import FAMILIES, SIZES, Losses, Version, losses
from bestiary.laws import Array
from bestiary.measures._study_speedups import StudySpeedups

Place = tuple[str, float]
MATRIX = tuple(
    name for name, family in FAMILIES.items() if family == "matrix" and name != "shampoo"
)
SIMPLE = ("nadamw", "lion", "adam_mini", "mars", "cautious")
# The study's own threshold for a difference worth acting on, nats per token.
DELTA = 3e-3


@dataclass(frozen=True)
class Variant:
    """One version of the losses at one assumed noise.

    Attributes:
        version: The paper's, or the released one.
        noise: Standard deviation of one loss, nats per token.
        draws: Redrawn data sets.
        seed: Decides the draws.
        largest_ratio: AdamW's losses up to this ratio make its curves; 8 as in the paper.
    """

    version: Version
    noise: float
    draws: int
    seed: int = 0
    largest_ratio: float = 8.0

    @property
    def losses(self) -> Losses:
        """(optimizer, size, ratio) -> nats per token."""
        return losses(self.version)

    @cached_property
    def speedups(self) -> StudySpeedups:
        """Speedups over AdamW's curves."""
        return self._speedups(self.largest_ratio)

    @cached_property
    def with_16x(self) -> StudySpeedups:
        """Speedups with AdamW's 16x points in its curves where it has them."""
        return self._speedups(np.inf)

    @property
    def difference_noise(self) -> float:
        """Standard deviation of the difference of two losses."""
        return float(np.sqrt(2.0)) * self.noise

    def places(self, *optimizers: str, sizes: Iterable[str] = SIZES) -> list[Place]:
        """The (size, ratio) at which all of these optimizers have a loss, in order."""
        wanted = list(sizes)
        ratios = sorted({ratio for _, _, ratio in self.losses})
        every = [(size, ratio) for size in wanted for ratio in ratios]
        return [at for at in every if all((name, *at) in self.losses for name in optimizers)]

    def loss_draws(self, optimizer: str, at: Place) -> Array:
        """The redrawn losses of a cell, shape (K,)."""
        return self.speedups.draws_of(optimizer, *at)

    def largest(self, optimizer: str) -> Place:
        """Where an optimizer has its largest speedup, within the data of AdamW's curves."""
        return max(self.within(optimizer), key=lambda at: self.speedups.value(optimizer, *at))

    def within(self, optimizer: str, sizes: Iterable[str] = SIZES) -> list[Place]:
        """Where an optimizer has a loss, at ratios that AdamW's curves were fitted to."""
        places = self.places(optimizer, sizes=sizes)
        return [at for at in places if at[1] <= self.largest_ratio]

    def _speedups(self, largest_ratio: float) -> StudySpeedups:
        return StudySpeedups(
            self.losses,
            deviations=dict.fromkeys(self.losses, self.noise),
            draws=self.draws,
            seed=self.seed,
            largest_ratio=largest_ratio,
        )


def named(at: Place) -> str:
    """A place in words, for instance `130m 8x`."""
    return f"{at[0]} {at[1]:g}x"
