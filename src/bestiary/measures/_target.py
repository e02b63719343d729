"""How much sooner than the baseline an optimizer reaches a loss, and how sure that is.

What a run takes is worked out in logarithms, in which the speedup is the baseline's mean less the
optimizer's own: the ratio of geometric means. The draws are those of a mean loss: noise by
optimizer, shrunk towards the pool, luck of a shared seed in common. A run that never got there
took more than it was trained for, and, where nobody says how long that was, more than the longest
of its optimizer that did: so far its optimizer's mean is known from one side, and so are speedups.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from bestiary.evidence import Observation, SeedRun, TargetEvidence, TargetRuns
from bestiary.measures._cell_noise import own_noise
from bestiary.measures._drawn import Drawn, mean_of, stream
from bestiary.measures._estimates import factor
from bestiary.measures._size_draws import Luck
from bestiary.specs import DRAWS, Estimate, exactly, missing

UNKNOWN_NOISE = "no configuration was repeated, so its noise is not known; `--noise` states one"
_NO_BOUND = "no run got there, and nothing says how far they were trained"


class Reach(NamedTuple):
    """The logarithm of an amount, or of a ratio of two.

    Attributes:
        drawn: It, or what bounds it.
        least: Whether it is at least that.
        most: Whether it is at most that; with `least` nothing is known of it.
    """

    drawn: Drawn
    least: bool = False
    most: bool = False

    def below(self, other: "Reach") -> "Reach":
        """The other less this one."""
        return Reach(other.drawn - self.drawn, other.least or self.most, other.most or self.least)


@dataclass(frozen=True)
class TargetMeasures:
    """What runs towards a target loss took, and what that measures.

    Attributes:
        evidence: What was seen.
        count: Draws behind every interval.
        seed: Decides the draws.
    """

    evidence: TargetEvidence
    count: int = DRAWS
    seed: int = 0

    @cached_property
    def reaches(self) -> dict[tuple[str, str], Reach | None]:
        """The mean logarithm of what each optimizer takes at each size."""
        found = (self._at(size) for size in self.evidence.sizes)
        return {key: one for here in found for key, one in here.items()}

    def amount(self, one: TargetRuns) -> Estimate:
        """The geometric mean of what its runs take."""
        return self._estimate([(self.reaches[one.optimizer, one.size], one.size)])

    def speedup(self, optimizer: str, size: str = "") -> Estimate:
        """What the baseline takes over what an optimizer does.

        Args:
            optimizer: Which.
            size: At this size; where empty the geometric mean over all that it shares with the
                baseline.
        """
        if optimizer == self.evidence.baseline:
            return exactly(1.0, "1 by definition")
        return self._estimate(self._against(optimizer, size))

    def beyond_chance(self, optimizer: str, among: int) -> bool:
        """Whether its mean speedup is above 1 with the chance of one false winner of all at 5%."""
        parts = self._against(optimizer, "")
        mean = self._mean(parts)
        if mean is None or mean.most or any(size not in self.evidence.noise for _, size in parts):
            return False
        return bool(np.quantile(mean.drawn.draws, 0.025 / among, method="lower") > 0)

    def _against(self, optimizer: str, size: str) -> list[tuple[Reach | None, str]]:
        """The logarithm of the speedup at each size."""
        found = []
        for place in self.evidence.of(optimizer):
            own = self.reaches[optimizer, place]
            base = self.reaches.get((self.evidence.baseline, place))
            if size in ("", place) and (self.evidence.baseline, place) in self.reaches:
                found.append((own.below(base) if own and base else None, place))
        return found

    def _mean(self, parts: list[tuple[Reach | None, str]]) -> Reach | None:
        """The mean of numbers of which everything that it takes is known."""
        known = [one for one, _ in parts if one is not None]
        if len(known) < len(parts) or not known:
            return None
        least, most = any(one.least for one in known), any(one.most for one in known)
        return Reach(mean_of([one.drawn for one in known]), least, most)

    def _estimate(self, parts: list[tuple[Reach | None, str]]) -> Estimate:
        """The factor, from one side alone where that is all that is known of it."""
        if not parts:
            return missing("the baseline did not run there")
        mean = self._mean(parts)
        if mean is None or (mean.least and mean.most):
            return missing(_NO_BOUND if mean is None else "neither side is known: both lack runs")
        noisy = all(size in self.evidence.noise for _, size in parts)
        if not noisy:
            bounded = mean.least or mean.most
            value = None if bounded else math.exp(mean.drawn.value)
            return Estimate(value=value, low=None, high=None, note=UNKNOWN_NOISE)
        whole = factor(mean.drawn.value, mean.drawn.draws)
        if mean.least:
            return Estimate(value=None, low=whole.low, high=None, note="at least")
        if mean.most:
            return Estimate(value=None, low=None, high=whole.high, note="at most")
        return whole

    def _at(self, size: str) -> dict[tuple[str, str], Reach | None]:
        """Every optimizer at one size."""
        runs = [one for one in self.evidence.found if one.size == size]
        luck = self._luck(size, [_seen(one, one.logs) for one in runs if one.logs])
        found: dict[tuple[str, str], Reach | None] = {}
        for one in runs:
            logs = _bounded(one)
            mean = None if logs is None else luck.mean_loss(_seen(one, logs))
            lost = len(one.reached) < len(one.runs)
            found[one.optimizer, size] = None if mean is None else Reach(mean, least=lost)
        return found

    def _luck(self, size: str, reached: list[Observation]) -> Luck:
        """The noise of one size; what none of an optimizer's own runs tell, the pool does."""
        noise = self.evidence.noise.get(size)
        if noise is None:
            own_K = shared_K = np.zeros(self.count)
        else:
            own_K, shared_K = noise.squares.draws(stream(self.seed, size), self.count)
        measured = noise is not None and noise.measured
        own = own_noise(reached, own_K, measured=measured, seed=self.seed)
        deviations = {(name, size, 1.0): own_K for name in self.evidence.optimizers}
        return Luck(0.0, own._replace(deviations=deviations | own.deviations), shared_K, self.seed)


def _seen(one: TargetRuns, logs: dict[int, float]) -> Observation:
    """Logarithms in the place of losses, at the one length of training that there is."""
    runs = tuple(SeedRun(seed=seed, state="done", loss=log) for seed, log in logs.items())
    return Observation(
        optimizer=one.optimizer, size=one.size, parameters=1.0, ratio=1.0, tokens=1.0, runs=runs
    )


def _bounded(one: TargetRuns) -> dict[int, float] | None:
    """The logarithm of what each run took at least; None where nothing says so of one."""
    longest = max(one.logs.values(), default=None)
    found: dict[int, float] = {}
    for run in one.runs:
        stated = None if run.amount is None else math.log(run.amount)
        least = longest if stated is None else stated
        if least is None:
            return None
        found[run.seed] = least
    return found
