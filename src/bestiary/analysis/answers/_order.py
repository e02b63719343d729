"""Where the order of two optimizers changes, from findings whose runs are not at hand.

Own studies have `bestiary.analysis.crossover`, which draws every reported seed. Of published or
imported results there are losses, mostly one a cell, and a stated noise: the same plane is fitted
to the same advantages in data, drawn with that noise and with the baseline's curve.
"""

import math
import zlib
from collections.abc import Iterable

import numpy as np

from bestiary.analysis._crossing import Crossing
from bestiary.analysis._crossover_record import Advantage, Crossover, advantage, record
from bestiary.analysis._draws import Drawn
from bestiary.analysis._midway import Curves, Midway, ranking
from bestiary.analysis._ranking import NO_BATCHES, Batches, log_advantage, over_batches, over_cells
from bestiary.analysis._record import Estimate
from bestiary.analysis.answers._findings import Finding, Findings
from bestiary.errors import UserError, unknown
from bestiary.laws import CurvePosterior
from bestiary.specs import Cell

DRAWS = 2_000
# A noise that is stated rather than measured counts as if from this many runs.
STATED = 10_000
# Losses are float32: no deviation between them is known to be smaller, in nats.
RESOLUTION = 1e-6
Pair = tuple[Finding, Finding]


def order(findings: Findings, first: str, second: str, *, seed: int = 0) -> Crossover:
    """Where the order of two optimizers changes.

    Args:
        findings: The results.
        first: One optimizer.
        second: The other.
        seed: Decides the draws.

    Raises:
        UserError: an optimizer without results, the same one twice, or no cell in common.
    """
    for name in (first, second):
        if name not in findings.optimizers:
            raise unknown("optimizer", name, findings.optimizers)
    if first == second:
        raise UserError(f"a crossover needs two different optimizers, got {first!r} twice")
    one, other = findings.of(first), findings.of(second)
    pairs = [(one[cell], other[cell]) for cell in one if cell in other]
    if not pairs:
        raise UserError(f"{first!r} and {second!r} share no cell; run both at one size and ratio")
    names = (first, second)
    logs = _log_advantages(findings, pairs, seed)
    crossings = [
        *over_cells(logs, findings.sizes, names, seed),
        *_in_batch(findings, pairs, names, seed),
    ]
    advantages = [_advantage(findings, pair, names, logs) for pair in pairs]
    moments = [found for pair in pairs if (found := _course(findings, pair))]
    source = f"{findings.name} ({findings.kind})"
    limits = tuple(_limits(crossings, moments))
    return record(source, names, advantages, crossings, moments, limits)


def _log_advantages(findings: Findings, pairs: list[Pair], seed: int) -> dict[Cell, Drawn]:
    """Log of the first's advantage in data, where the baseline has a curve at the size."""
    noise, found = findings.noise, {}
    for size in dict.fromkeys(one.size for one, _ in pairs):
        own = [one for one in findings.of(findings.baseline).values() if one.size == size]
        if len({one.ratio for one in own}) < 2:
            continue
        posterior = CurvePosterior(
            np.array([one.ratio for one in own]),
            np.array([one.loss for one in own]),
            np.array([max(noise.total, RESOLUTION) / math.sqrt(one.runs) for one in own]),
        )
        generator = np.random.default_rng([seed, zlib.crc32(size.encode())])
        laws = posterior.draws(np.ones(DRAWS), generator)
        for pair in pairs:
            if pair[0].size == size:
                read = [_read(one, findings, generator) for one in pair]
                one = log_advantage(posterior.law(), laws, pair[0].ratio, *read)
                if one is not None:
                    found[Cell(size=size, ratio=pair[0].ratio)] = one
    return found


def _read(one: Finding, findings: Findings, generator: np.random.Generator) -> Drawn | None:
    """A loss with its own noise; None for the baseline, which lies on its curve."""
    if one.optimizer == findings.baseline:
        return None
    noise_K = generator.normal(size=DRAWS) * findings.noise.own / math.sqrt(one.runs)
    return Drawn(one.loss, one.loss + noise_K)


def _advantage(
    findings: Findings, pair: Pair, names: tuple[str, str], logs: dict[Cell, Drawn]
) -> Advantage:
    one, other = pair
    spread = 1.96 * findings.noise.own * math.sqrt(1 / one.runs + 1 / other.runs)
    value = other.loss - one.loss
    gap = Estimate(value=value, low=value - spread, high=value + spread)
    cell = Cell(size=one.size, ratio=one.ratio)
    return advantage(cell, gap, logs.get(cell), names)


def _in_batch(
    findings: Findings, pairs: list[Pair], names: tuple[str, str], seed: int
) -> Iterable[Crossing]:
    own_K = np.full(DRAWS, findings.noise.own)
    for one, other in pairs:
        batches = Batches(one.batches, other.batches)
        found = over_batches(batches, one.parameters, one.ratio, names, own_K, seed=seed)
        if found is not None:
            yield found


def _course(findings: Findings, pair: Pair) -> Midway | None:
    """The ranking over training of one cell."""
    curves: Curves = {}
    for one in pair:
        # Runs that state no seed are numbered: they cannot be paired, only averaged.
        curves[one.optimizer] = {
            number if run.seed is None else run.seed: tuple(np.array(run.points).T)
            for number, run in enumerate(one.curves)
        }
    cell = Cell(size=pair[0].size, ratio=pair[0].ratio)
    return ranking(cell, curves, own=findings.noise.own, freedom=STATED)


def _limits(crossings: list[Crossing], moments: list[Midway]) -> Iterable[str]:
    axes = {one.axis for one in crossings}
    if axes & {"size", "ratio"}:
        yield (
            "The log of an advantage is taken as linear in log N and log D; what that gets wrong "
            "counts as noise."
        )
    else:
        yield "One size and one ratio, or no baseline curve: no change was measured."
    if "batch" in axes:
        yield (
            "Batch sizes are compared by the lowest loss of the runs at each, where several "
            "learning rates were tried."
        )
    else:
        yield NO_BATCHES
    if not moments:
        yield (
            "The results hold no loss curves of both on one seed, so nothing is said of the course "
            "of training; map a `progress` column to import them."
        )
