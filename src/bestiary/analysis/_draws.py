"""The bootstrap of one size: every mean loss redrawn, the baseline's law refitted, inverted again.

Speedup of an optimizer with loss l at ratio D: S = D_baseline(l) / D, the data the baseline needs
for l over the data used (arXiv 2509.02046). A draw adds seed noise to every mean loss of the size
at once, the shared part alike for all optimizers that ran a seed, so that paired comparisons keep
their precision; the noise level itself is redrawn as its degrees of freedom demand, and so is the
prior of the exponent. All three sources of doubt, seeds, curve and inversion, are in the spread.

The baseline's residual at a cell is partly luck that the other optimizers had with the same seeds.
A loss is therefore read off the curve less its expected share of that residual,

    l - rho r,    rho = shared^2 / (shared^2 + own^2) x (share of its seeds that the baseline ran),

the generalised least squares of all losses together (and what the profile likelihood does).

Shape suffixes: K draws, S seeds, R ratios.
"""

import math
import zlib
from dataclasses import dataclass, field

import numpy as np

from bestiary.analysis._noise import SizeNoise
from bestiary.analysis._observations import Observations, Reported
from bestiary.laws import Array, ExponentPrior, PowerLaw, fit_power_law
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
    """The baseline's law at one size: the fit to the means, and the fit of every draw."""

    law: PowerLaw
    laws: PowerLaw
    ratios: Array
    deviations: Array
    losses: Array


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
    """The bootstrap of one size.

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
    fitted = _fit_baseline(found, baseline, losses, noise, _stream(seed, size, "exponent"))
    if fitted is None:
        return SizeDraws(losses)
    read = {
        (name, cell): _read(
            loss,
            losses.get((baseline, cell)),
            _rho(found[cell], name, baseline, noise),
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
    losses: dict[Key, Drawn],
    noise: SizeNoise,
    generator: np.random.Generator,
) -> Fitted | None:
    """The baseline's law for the means and for every draw."""
    cells = [cell for cell in found if (baseline, cell) in losses]
    if len(cells) < 2:
        return None
    ratios_R = np.array([cell.ratio for cell in cells])
    runs_R = np.array([len(found[cell][baseline].losses) for cell in cells])
    deviations_R = np.maximum(noise.noise.total / np.sqrt(runs_R), _RESOLUTION)
    losses_R = np.array([losses[baseline, cell].value for cell in cells])
    # A draw far below zero cannot happen to a loss; it only would where noise is as large as it.
    losses_KR = np.maximum(
        np.stack([losses[baseline, cell].draws for cell in cells], axis=1), _RESOLUTION
    )
    centres_K = PRIOR.centre * np.exp(PRIOR.spread * generator.normal(size=len(losses_KR)))
    law = fit_power_law(ratios_R, losses_R, deviations=deviations_R, prior=PRIOR)
    laws = fit_power_law(
        ratios_R, losses_KR, deviations=deviations_R, prior=PRIOR, centres=centres_K
    )
    return Fitted(law, laws, ratios_R, deviations_R, losses_R)


def _rho(groups: dict[str, Reported], name: str, baseline: str, noise: SizeNoise) -> float:
    """How much of the baseline's luck at a cell another optimizer is expected to have had."""
    if baseline not in groups or not noise.noise.total:
        return 0.0
    seeds, others = groups[name].losses.keys(), groups[baseline].losses.keys()
    return noise.noise.shared**2 / noise.noise.total**2 * len(seeds & others) / len(seeds)


def _read(loss: Drawn, baseline: Drawn | None, rho: float, *, curve: Fitted, ratio: float) -> Drawn:
    """A loss less its share of the baseline's residual at the same cell."""
    if baseline is None:
        return loss
    residual = baseline.value - float(curve.law.loss(ratio))
    residual_K = baseline.draws - curve.laws.loss(ratio)
    return Drawn(loss.value - rho * residual, loss.draws - rho * residual_K)


def _log_speedup(fitted: Fitted, ratio: float, loss: Drawn) -> Drawn:
    """Log S of the mean and of every draw; infinite beyond `REACH` times the data."""
    low = math.log(fitted.ratios.min() / REACH)
    high = math.log(fitted.ratios.max() * REACH)

    def within_reach(log_ratio: Array) -> Array:
        below = np.where(log_ratio < low, -np.inf, log_ratio)
        return np.where(log_ratio > high, np.inf, below) - math.log(ratio)

    value = within_reach(fitted.law.log_ratio(loss.value))
    return Drawn(float(value), within_reach(fitted.laws.log_ratio(loss.draws)))
