"""Speedups from single losses by the study's method, with intervals from a stated noise.

    speedup = D_eff / D,  D_eff = the ratio at which the baseline's curve at that size has the loss.

Single runs have no spread of their own, so every loss is redrawn with independent normal noise of a
stated standard deviation, baseline included; each redrawn baseline is fitted anew and inverted.
Shape suffix: K draws.
"""

from collections.abc import Mapping
from functools import cache
from zlib import crc32

import numpy as np

from bestiary.errors import UserError
from bestiary.evidence import Evidence, Key, Observation, SeedNoise
from bestiary.laws import Array, StudyForm, fit_study_form, fit_study_forms
from bestiary.measures._cell import CellMeasures
from bestiary.measures._differences import difference
from bestiary.measures._drawn import Drawn, stream
from bestiary.measures._estimates import estimate, factor
from bestiary.measures._speedups import lost_runs, verdict_of
from bestiary.specs import Estimate, exactly, missing

NO_TIMES = missing("no step times were published")


class StudySpeedups:
    """Losses, the baseline's curves through them, and thousands of redrawn versions of both.

    Attributes:
        losses: (optimizer, size, ratio) -> nats per token.
        baseline: The optimizer whose curves define speedup.
        curves: The baseline's fit per size.
        redrawn: The same for every draw; fields of shape (K,).
        gaps: Size -> why it has no curve.
    """

    def __init__(
        self,
        losses: Mapping[Key, float],
        *,
        baseline: str = "adamw",
        deviations: Mapping[Key, float | Array],
        draws: int,
        seed: int = 0,
        largest_ratio: float = np.inf,
    ) -> None:
        """Fit every size.

        Args:
            losses: (optimizer, size, ratio) -> nats per token.
            baseline: The optimizer whose curves define speedup.
            deviations: Standard deviation of every loss, nats per token; K draws of it where few
                degrees of freedom tell it.
            draws: Redrawn data sets, K.
            seed: Decides the draws.
            largest_ratio: Points of the baseline above it are left out of its fits.
        """
        self.losses, self.baseline, self._deviations = losses, baseline, deviations
        self._count, self._seed = draws, seed
        self.curves: dict[str, StudyForm] = {}
        self.redrawn: dict[str, StudyForm] = {}
        self.gaps: dict[str, str] = {}
        self._largest: dict[str, float] = {}
        for size in dict.fromkeys(size for _, size, _ in losses):
            ratios = [ratio for ratio in self.ratios(baseline, size) if ratio <= largest_ratio]
            self._fit(size, ratios)

    def ratios(self, optimizer: str, size: str) -> list[float]:
        """The ratios at which an optimizer has a loss at a size, ascending."""
        return sorted(r for name, s, r in self.losses if (name, s) == (optimizer, size))

    def fitted(self, size: str) -> list[float]:
        """The ratios that the baseline's curve at a size rests on, ascending."""
        return [at for at in self.ratios(self.baseline, size) if at <= self._largest[size]]

    def draws_of(self, optimizer: str, size: str, ratio: float) -> Array:
        """The redrawn losses of one cell, shape (K,); a function of seed and cell alone."""
        cell = crc32(f"{optimizer} {size} {ratio:g}".encode())
        normal_K = _normal((self._seed, cell), self._count)
        key = (optimizer, size, ratio)
        return self.losses[key] + self._deviations[key] * normal_K

    def value(self, optimizer: str, size: str, ratio: float) -> float:
        """The speedup at a cell; infinite where the baseline never reaches the loss."""
        loss = self.losses[optimizer, size, ratio]
        return float(self.curves[size].ratio(loss)) / ratio

    def draws(self, optimizer: str, size: str, ratio: float) -> Array:
        """The redrawn speedups at a cell, shape (K,).

        Where a redrawn baseline does not fall with data, no amount of it reaches a lower loss and
        the least has a higher one: infinite, or zero.
        """
        loss_K, curve = self.draws_of(optimizer, size, ratio), self.redrawn[size]
        falls_K = (curve.a > 0) & (curve.B > 0)
        usable = StudyForm(np.where(falls_K, curve.a, 1), np.where(falls_K, curve.B, 1), curve.b)
        flat_K = np.where(loss_K < curve.loss(ratio), np.inf, 0.0)
        return np.where(falls_K, usable.ratio(loss_K) / ratio, flat_K)

    def estimate(self, optimizer: str, size: str, ratio: float) -> Estimate:
        """The speedup at a cell with its interval, or why there is none."""
        if size not in self.curves:
            return missing(self.gaps[size])
        if optimizer == self.baseline:
            return exactly(1.0, "the baseline, by definition")
        value, draws_K = self.value(optimizer, size, ratio), self.draws(optimizer, size, ratio)
        beyond = value * ratio > self._largest[size]
        note = f"beyond {self.baseline}'s largest ratio, {self._largest[size]:g}" if beyond else ""
        if np.isinf(value):
            note = f"below the asymptote of {self.baseline}'s curve: no data reaches this loss"
        return estimate(value, draws_K, extrapolated=beyond, note=note)

    def _fit(self, size: str, ratios: list[float]) -> None:
        ratio = np.array(ratios)
        loss = np.array([self.losses[self.baseline, size, at] for at in ratios])
        try:
            curve = fit_study_form(ratio, loss)
            if not (curve.a > 0 and curve.B > 0):
                raise UserError(f"{self.baseline}'s losses do not fall with data")
        except UserError as error:
            self.gaps[size] = f"no curve of {self.baseline} at {size}: {error}"
            return
        losses_KP = np.stack([self.draws_of(self.baseline, size, at) for at in ratios], axis=1)
        self.curves[size] = curve
        self.redrawn[size] = fit_study_forms(ratio, losses_KP)
        self._largest[size] = float(ratio.max())


def redrawn(evidence: Evidence, *, draws: int, seed: int = 0) -> StudySpeedups:
    """The losses of some results, every one redrawn with the noise of its size.

    A noise that was measured is drawn too, as its degrees of freedom demand: intervals are t's.
    """
    deviations = {
        size: _deviation(evidence.noise[size], size, draws, seed) for size in evidence.noise
    }
    return StudySpeedups(
        {one.key: one.loss for one in evidence.found},
        baseline=evidence.baseline,
        deviations={
            one.key: deviations[one.size] / np.sqrt(len(one.done)) for one in evidence.found
        },
        draws=draws,
        seed=seed,
    )


def _time_speedup(speedups: StudySpeedups, one: Observation, times: Drawn | None) -> Estimate:
    """The token speedup over the step time, draw by draw."""
    if times is None or one.size not in speedups.curves or one.optimizer == speedups.baseline:
        return NO_TIMES
    with np.errstate(divide="ignore", invalid="ignore"):
        tokens = Drawn(float(np.log(speedups.value(*one.key))), np.log(speedups.draws(*one.key)))
        ratio = tokens - times
    return factor(ratio.value, ratio.draws)


def _deviation(noise: SeedNoise, size: str, draws: int, seed: int) -> float | Array:
    """The standard deviation of one run: a number where it was stated, else its draws."""
    if noise.freedom is None:
        return noise.total
    own_K, shared_K = noise.squares.draws(stream(seed, "noise", size), draws)
    return np.hypot(own_K, shared_K)


def single_loss_measures(
    evidence: Evidence, speedups: StudySpeedups, one: Observation, times: Drawn | None = None
) -> CellMeasures:
    """Everything measured of one optimizer at one cell of somebody's results.

    Args:
        evidence: The results.
        speedups: Their speedups.
        one: The optimizer at the cell.
        times: Log of its seconds per token over the baseline's, where they were stated.
    """
    baseline = evidence.of(evidence.baseline).get(one.cell)
    gap = missing("the baseline has no finished run at this cell")
    if one.optimizer == evidence.baseline:
        gap = exactly(0.0, "0 by definition")
    elif baseline is not None:
        gap = difference(one, baseline, evidence.noise[one.size])
    speedup = speedups.estimate(*one.key)
    verdict = verdict_of(speedup, gap)
    if verdict == "faster" and one.count("diverged"):
        verdict = "undetermined"
    return CellMeasures(
        loss=_mean_loss(evidence, one),
        difference=gap,
        speedup=speedup,
        time_speedup=_time_speedup(speedups, one, times),
        step_time_ratio=NO_TIMES if times is None else factor(times.value, times.draws),
        verdict="baseline" if one.optimizer == evidence.baseline else verdict,
    )


def _mean_loss(evidence: Evidence, one: Observation) -> Estimate:
    noise = evidence.noise[one.size]
    half = noise.half_width(noise.total / len(one.done) ** 0.5)
    return Estimate(value=one.loss, low=one.loss - half, high=one.loss + half, note=lost_runs(one))


@cache
def _normal(seed: tuple[int, int], count: int) -> Array:
    return np.random.default_rng(seed).standard_normal(count)
