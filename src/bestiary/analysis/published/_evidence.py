"""What a claim is checked against: one version of the published losses, redrawn with noise."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bestiary.analysis.published._data import FAMILIES, SIZES, Losses, Version, losses
from bestiary.analysis.published._speedups import Speedups
from bestiary.analysis.published._verdict import Part, drawn, normal
from bestiary.laws import Array

Place = tuple[str, float]
MATRIX = tuple(
    name for name, family in FAMILIES.items() if family == "matrix" and name != "shampoo"
)
SIMPLE = ("nadamw", "lion", "adam_mini", "mars", "cautious")
# The study's own threshold for a difference worth acting on, nats per token.
DELTA = 3e-3


@dataclass(frozen=True)
class Evidence:
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
    def speedups(self) -> Speedups:
        """Speedups over AdamW's curves."""
        return self._speedups(self.largest_ratio)

    @cached_property
    def with_16x(self) -> Speedups:
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

    def lower(self, first: Iterable[str], second: Iterable[str], at: Place, text: str) -> Part:
        """That the worst of the first has a lower loss than the best of the second."""
        one = [name for name in first if (name, *at) in self.losses]
        two = [name for name in second if (name, *at) in self.losses]
        margin = min(self.losses[name, *at] for name in two)
        margin -= max(self.losses[name, *at] for name in one)
        if len(one) == len(two) == 1:
            return normal(text, margin, self.difference_noise)
        margin_K = np.min([self.loss_draws(name, at) for name in two], axis=0)
        margin_K = margin_K - np.max([self.loss_draws(name, at) for name in one], axis=0)
        return drawn(text, margin, margin_K)

    def largest(self, optimizer: str) -> Place:
        """Where an optimizer has its largest speedup, within the data of AdamW's curves."""
        return max(self.within(optimizer), key=lambda at: self.speedups.value(optimizer, *at))

    def within(self, optimizer: str, sizes: Iterable[str] = SIZES) -> list[Place]:
        """Where an optimizer has a loss, at ratios that AdamW's curves were fitted to."""
        places = self.places(optimizer, sizes=sizes)
        return [at for at in places if at[1] <= self.largest_ratio]

    def _speedups(self, largest_ratio: float) -> Speedups:
        return Speedups(
            self.losses,
            noise=self.noise,
            draws=self.draws,
            seed=self.seed,
            largest_ratio=largest_ratio,
        )


def named(at: Place) -> str:
    """A place in words, for instance `130m 8x`."""
    return f"{at[0]} {at[1]:g}x"
