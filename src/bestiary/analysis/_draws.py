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
import zlib
from dataclasses import dataclass, field

import numpy as np

from bestiary.analysis._noise import SizeNoise
from bestiary.analysis._observations import Observations, Reported
from bestiary.laws import Array, CurvePosterior, ExponentPrior, PowerLaw, fit_power_law
from bestiary.specs import Cell

DRAWS = 2_000
PRIOR = ExponentPrior()
# Speedups that read the baseline's curve further than this factor beyond its data have no value.
REACH = 10.0
# Losses are float32: no deviation between them is known to be smaller, in nats.
_RESOLUTION = 1e-6

Key = tuple[str, Cell]


@dataclass(frozen=True)
class Drawn:
    """A number and its draws; infinite where the curve cannot be inverted."""

    value: float
    draws: Array

    def __sub__(self, other: "Drawn") -> "Drawn":
        """The difference, draw by draw."""
        with np.errstate(invalid="ignore"):
            return Drawn(self.value - other.value, _spread(self.draws - other.draws))

    def times(self, factor: float) -> "Drawn":
        """The number and every draw times a factor."""
        return Drawn(factor * self.value, factor * self.draws)


def mean_of(numbers: list[Drawn]) -> Drawn:
    """The mean of several numbers, draw by draw."""
    with np.errstate(invalid="ignore"):
        draws_K = np.mean([one.draws for one in numbers], axis=0)
    return Drawn(float(np.mean([one.value for one in numbers])), _spread(draws_K))


def _spread(draws_K: Array) -> Array:
    """Draws that say nothing (infinity less infinity) become infinite, on either side in turn."""
    sides_K = np.where(np.arange(draws_K.size) % 2, np.inf, -np.inf)
    return np.where(np.isnan(draws_K), sides_K, draws_K)


@dataclass(frozen=True)
class Fitted:
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


@dataclass(frozen=True)
class SizeDraws:
    """All draws of one size.

    Attributes:
        losses: Mean loss of every optimizer at every cell that has one.
        fitted: The baseline's law; None where it has fewer than two ratios.
        read: Those losses as read off the law, where there is one; without the baseline's.
        log_speedups: What the reading gives.
    """

    losses: dict[Key, Drawn] = field(default_factory=dict)
    fitted: Fitted | None = None
    read: dict[Key, Drawn] = field(default_factory=dict)
    log_speedups: dict[Key, Drawn] = field(default_factory=dict)


def draw_size(
    found: Observations, baseline: str, noise: SizeNoise, *, seed: int = 0, count: int = DRAWS
) -> SizeDraws:
    """All draws of one size.

    Args:
        found: The reported runs of the size.
        baseline: The optimizer whose law is fitted.
        noise: The seed noise of the size.
        seed: Decides every draw, together with the names of size, ratio and optimizer, so that
            adding an optimizer to a study does not move the draws of another.
        count: Draws.
    """
    size = next(iter(found)).size if found else ""
    own_K, shared_K = noise.noise.draws(_stream(seed, size), count)
    losses: dict[Key, Drawn] = {}
    for cell in found:
        losses |= _draw_cell(found, cell, own_K, shared_K, seed)
    total_K = np.maximum(np.hypot(own_K, shared_K), _RESOLUTION)
    fitted = _fit_baseline(found, baseline, noise, total_K, _stream(seed, size, "law"))
    if fitted is None:
        return SizeDraws(losses)
    level = noise.noise
    rho = Drawn(level.shared**2 / max(level.total, _RESOLUTION) ** 2, shared_K**2 / total_K**2)
    read = {
        (name, cell): _read(
            loss,
            losses.get((baseline, cell)),
            rho.times(_shared_seeds(found[cell], name, baseline)),
            curve=fitted,
            ratio=cell.ratio,
        )
        for (name, cell), loss in losses.items()
        if name != baseline
    }
    speedups = {key: _log_speedup(fitted, key[1].ratio, loss) for key, loss in read.items()}
    return SizeDraws(losses, fitted, read, speedups)


def _stream(seed: int, *names: object) -> np.random.Generator:
    """Random numbers that depend on the seed and these names alone."""
    return np.random.default_rng([seed, zlib.crc32("/".join(map(str, names)).encode())])


def _draw_cell(
    found: Observations, cell: Cell, own_K: Array, shared_K: Array, seed: int
) -> dict[Key, Drawn]:
    """The mean loss of every optimizer of a cell, redrawn with shared and own noise."""
    place = (cell.size, cell.ratio)
    drawn = {}
    for name, group in found[cell].items():
        if not group.losses:
            continue
        shared = [_stream(seed, *place, one).normal(size=own_K.size) for one in group.losses]
        own = _stream(seed, *place, name).normal(size=own_K.size) / math.sqrt(len(shared))
        mean = float(np.mean(list(group.losses.values())))
        noise_K = shared_K * np.mean(shared, axis=0) + own_K * own
        drawn[name, cell] = Drawn(mean, mean + noise_K)
    return drawn


def _fit_baseline(
    found: Observations,
    baseline: str,
    noise: SizeNoise,
    total_K: Array,
    generator: np.random.Generator,
) -> Fitted | None:
    """The baseline's law and its draws under every noise level."""
    cells = [cell for cell, groups in found.items() if _has_loss(groups, baseline)]
    if len(cells) < 2:
        return None
    runs = [list(found[cell][baseline].losses.values()) for cell in cells]
    level = max(noise.noise.total, _RESOLUTION)
    posterior = CurvePosterior(
        ratios=np.array([cell.ratio for cell in cells]),
        losses=np.array([np.mean(one) for one in runs]),
        deviations=np.array([level / math.sqrt(len(one)) for one in runs]),
        prior=PRIOR,
    )
    return Fitted(
        law=posterior.law(),
        laws=posterior.draws(total_K / level, generator),
        ratios=posterior.ratios,
        deviations=posterior.deviations,
        losses=posterior.losses,
        misfit=_misfit(posterior, noise.noise.own_freedom),
    )


def _misfit(posterior: CurvePosterior, noise_freedom: int) -> float:
    """The chance of residuals as large as those of the best law, if its form is true."""
    freedom = len(posterior.ratios) - 3
    if freedom < 1:
        return 1.0
    # Here, because scipy takes longer to import than the rest of `analysis`.
    from scipy.special import fdtrc

    best = fit_power_law(posterior.ratios, posterior.losses, deviations=posterior.deviations)
    scaled_R = (posterior.losses - best.loss(posterior.ratios)) / posterior.deviations
    return float(fdtrc(freedom, noise_freedom, scaled_R @ scaled_R / freedom))


def _has_loss(groups: dict[str, Reported], name: str) -> bool:
    """Whether an optimizer finished a run at a cell."""
    return name in groups and bool(groups[name].losses)


def _shared_seeds(groups: dict[str, Reported], name: str, baseline: str) -> float:
    """The share of an optimizer's seeds at a cell that the baseline ran too."""
    seeds = groups[name].losses.keys()
    others = groups[baseline].losses.keys() if baseline in groups else ()
    return len(seeds & others) / len(seeds)


def _read(loss: Drawn, baseline: Drawn | None, rho: Drawn, *, curve: Fitted, ratio: float) -> Drawn:
    """A loss less its share of the baseline's residual at the same cell."""
    if baseline is None:
        return loss
    residual = baseline.value - float(curve.law.loss(ratio))
    residual_K = baseline.draws - curve.laws.loss(ratio)
    return Drawn(loss.value - rho.value * residual, loss.draws - rho.draws * residual_K)


def _log_speedup(fitted: Fitted, ratio: float, loss: Drawn) -> Drawn:
    """Log S of the mean and of every draw; infinite beyond `REACH` times the data."""
    low = math.log(fitted.ratios.min() / REACH)
    high = math.log(fitted.ratios.max() * REACH)

    def within_reach(log_ratio: Array) -> Array:
        below = np.where(log_ratio < low, -np.inf, log_ratio)
        return np.where(log_ratio > high, np.inf, below) - math.log(ratio)

    value = within_reach(fitted.law.log_ratio(loss.value))
    return Drawn(float(value), within_reach(fitted.laws.log_ratio(loss.draws)))
