"""The draws of one size: every mean loss, the baseline's law, and what inverting it gives.

Speedup of an optimizer with loss l at ratio D: S = D_baseline(l) / D, the data the baseline needs
for l over the data used (arXiv 2509.02046). A draw takes a noise level, as freely as its degrees of
freedom demand; the noise of every mean loss, the part of a seed alike for all optimizers that ran
it, so that paired comparisons keep their precision; and a law of the baseline from its posterior.
All three sources of doubt, seeds, curve and inversion, are in the spread.

The baseline's residual at a cell is partly luck that the other optimizers had with the same seeds.
A loss is therefore read off the curve less its expected share of that residual,

    l - rho r,    rho = shared^2 / (shared^2 + own^2) x (share of its seeds that the baseline ran).

With noise drawn first and the law second this is conditioning by Matheron's rule: the draws are
those of the posterior of all losses together.

Shape suffixes: K draws, S seeds, R ratios.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from bestiary.evidence import Evidence, Key, Observation
from bestiary.laws import RESOLUTION, Array, CurvePosterior, PowerLaw, fit_power_law
from bestiary.measures._baseline_posterior import baseline_posterior
from bestiary.measures._cell_noise import OwnNoise, own_noise
from bestiary.measures._drawn import Drawn, stream
from bestiary.specs import DRAWS

# Speedups that read the baseline's curve further than this factor beyond its data have no value.
REACH = 10.0
# A law whose losses noise alone would throw so far off this rarely is no law of theirs.
_MISFIT = 0.01


@dataclass(frozen=True)
class BaselineFit:
    """The baseline's law at one size, its draws, and what it was fitted to.

    Attributes:
        misfit: Chance that noise alone makes residuals as large as these, by an F test with the
            degrees of freedom that the law and the noise leave; 1 where the law leaves none.
    """

    law: PowerLaw
    laws: PowerLaw
    ratios: Array
    deviations: Array
    losses: Array
    misfit: float

    @property
    def tested(self) -> bool:
        """Whether the law leaves anything to test its form with."""
        return len(self.ratios) > 3

    @property
    def rejected(self) -> bool:
        """Whether its losses lie beside the law's form by more than their noise."""
        return self.misfit < _MISFIT


@dataclass(frozen=True)
class SizeDraws:
    """All draws of one size.

    Attributes:
        own: Draws of the standard deviation of own noise, in nats.
        losses: Mean loss of every optimizer at every cell that has one.
        fitted: The baseline's law; None where it has fewer than two ratios.
        read: Those losses as read off the law, where there is one; without the baseline's.
        log_speedups: What the reading gives.
    """

    own: Array
    losses: dict[Key, Drawn] = field(default_factory=dict)
    fitted: BaselineFit | None = None
    read: dict[Key, Drawn] = field(default_factory=dict)
    log_speedups: dict[Key, Drawn] = field(default_factory=dict)


def draw_size(
    evidence: Evidence, size: str, *, seed: int = 0, count: int = DRAWS, plain: bool = False
) -> SizeDraws:
    """All draws of one size.

    Args:
        evidence: What was seen.
        size: One of its sizes.
        seed: Decides every draw, together with the names of size, ratio and optimizer, so that
            adding an optimizer to a study does not move the draws of another.
        count: Draws.
        plain: Whether all noise of the size is alike and independent and tuning has no luck: what
            the check by profile likelihood assumes.
    """
    noise, found = evidence.noise[size], [one for one in evidence.of_size(size) if one.done]
    own_K, shared_K = noise.squares.draws(stream(seed, size if found else ""), count)
    own = own_noise(found, own_K, measured=noise.measured and not plain, seed=seed)
    luck = Luck(evidence.tuning_luck * (not plain), own, shared_K, seed)
    losses = {one.key: luck.mean_loss(one) for one in found}
    known = baseline_posterior(evidence, size)
    if known is None:
        return SizeDraws(own_K, losses)
    baselines = {one.ratio: one for one in found if one.optimizer == evidence.baseline}
    posterior, scale_K = _weighted(known, list(baselines.values()), own, shared_K)
    laws = posterior.draws(scale_K, stream(seed, size, "law"))
    fitted = BaselineFit(
        law=posterior.law(),
        laws=replace(laws, b=laws.b + luck.lasting(next(iter(baselines.values())))),
        ratios=posterior.ratios,
        deviations=posterior.deviations,
        losses=posterior.losses,
        misfit=_misfit(posterior, noise.squares.own_freedom),
    )
    read = {
        one.key: _read(losses, one, baselines.get(one.ratio), luck, fitted)
        for one in found
        if one.optimizer != evidence.baseline
    }
    speedups = {key: _log_speedup(fitted, key[2], loss) for key, loss in read.items()}
    return SizeDraws(own_K, losses, fitted, read, speedups)


def _weighted(
    posterior: CurvePosterior, baselines: Sequence[Observation], own: OwnNoise, shared_K: Array
) -> tuple[CurvePosterior, Array]:
    """The posterior with the noise of each ratio, without what lasts over ratios, and its scale."""
    brief_RK = np.array([own.deviations[one.key] ** 2 * (1 - own.lasting) for one in baselines])
    total_RK = np.maximum(np.sqrt(brief_RK + shared_K**2), RESOLUTION)
    usual_R = np.median(total_RK, axis=1)
    counts_R = np.array([len(one.done) for one in baselines])
    scale_K = np.sqrt(np.mean((total_RK / usual_R[:, None]) ** 2, axis=0))
    return replace(posterior, deviations=usual_R / np.sqrt(counts_R)), scale_K


@dataclass(frozen=True)
class Luck:
    """What moves the mean losses of one size, in nats.

    Attributes:
        tuning: By how much a tuned configuration is worse than the best, on average.
        own: The own noise of every cell.
        shared: Draws of the standard deviation of what a seed brings to all optimizers of a cell.
        seed: Decides the draws.
    """

    tuning: float
    own: OwnNoise
    shared: Array
    seed: int

    def mean_loss(self, one: Observation) -> Drawn:
        """A mean loss, redrawn with the luck of its cell and the luck that lasts over ratios."""
        place, count = (one.size, one.ratio), self.shared.size
        shared = [stream(self.seed, *place, luck).normal(size=count) for luck in _lucks(one)]
        own = stream(self.seed, *place, one.optimizer).normal(size=count) / math.sqrt(len(shared))
        deviation_K = self.own.deviations[one.key] * np.sqrt(1 - self.own.lasting)
        noise_K = self.shared * np.mean(shared, axis=0) + deviation_K * own
        return Drawn(one.loss, one.loss + noise_K + self.lasting(one))

    def shared_share(self, one: Observation) -> Drawn:
        """The share of the variance at a cell that a seed brings to all optimizers there."""
        total_K = np.maximum(np.hypot(self.own.deviations[one.key], self.shared), RESOLUTION)
        usual = float(np.median(self.shared)) / float(np.median(total_K))
        return Drawn(usual**2, (self.shared / total_K) ** 2)

    def lasting(self, one: Observation) -> Array:
        """What an optimizer keeps at all ratios: its seeds' luck, and that of its tuning."""
        generator = stream(self.seed, one.size, one.optimizer, "lasting")
        seeds_K = generator.normal(size=self.shared.size) / math.sqrt(len(one.done))
        kept_K = self.own.deviations[one.key] * np.sqrt(self.own.lasting) * seeds_K
        # The loss of the best configuration lies below what was measured, by an unknown regret.
        return np.asarray(kept_K + self.tuning * (1 - generator.exponential(size=self.shared.size)))


def _lucks(one: Observation) -> Sequence[object]:
    """What names the luck of each run: its seed, or itself where nobody stated one."""
    return [
        f"{one.optimizer} run {place}" if run.seed is None else run.seed
        for place, run in enumerate(one.done)
    ]


def _misfit(posterior: CurvePosterior, noise_freedom: int) -> float:
    """The chance of residuals as large as those of the best law, if its form is true."""
    freedom = len(posterior.ratios) - 3
    if freedom < 1:
        return 1.0
    # Here, because scipy takes longer to import than the rest of `measures`.
    from scipy.special import fdtrc

    best = fit_power_law(posterior.ratios, posterior.losses, deviations=posterior.deviations)
    scaled_R = (posterior.losses - best.loss(posterior.ratios)) / posterior.deviations
    return float(fdtrc(freedom, noise_freedom, scaled_R @ scaled_R / freedom))


def _read(
    losses: dict[Key, Drawn],
    one: Observation,
    baseline: Observation | None,
    luck: Luck,
    curve: BaselineFit,
) -> Drawn:
    """A loss less its share of the baseline's residual at the same cell."""
    loss = losses[one.key]
    if baseline is None:
        return loss
    other = losses[baseline.key]
    weight = luck.shared_share(baseline).times(_shared_seeds(one, baseline))
    residual = other.value - float(curve.law.loss(one.ratio))
    residual_K = other.draws - curve.laws.loss(one.ratio)
    return Drawn(loss.value - weight.value * residual, loss.draws - weight.draws * residual_K)


def _shared_seeds(one: Observation, baseline: Observation) -> float:
    """The share of an optimizer's seeds at a cell that the baseline ran too."""
    return len(one.seeds & baseline.seeds) / len(one.done)


def _log_speedup(fitted: BaselineFit, ratio: float, loss: Drawn) -> Drawn:
    """Log S of the mean and of every draw; infinite beyond `REACH` times the data."""
    low = math.log(fitted.ratios.min() / REACH)
    high = math.log(fitted.ratios.max() * REACH)

    def within_reach(log_ratio: Array) -> Array:
        below = np.where(log_ratio < low, -np.inf, log_ratio)
        return np.where(log_ratio > high, np.inf, below) - math.log(ratio)

    value = within_reach(fitted.law.log_ratio(loss.value))
    return Drawn(float(value), within_reach(fitted.laws.log_ratio(loss.draws)))
