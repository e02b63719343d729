"""Which small experiment would tell most about a large question.

The draws of the joint law are what is believed before it. An experiment that trains two optimizers
at (N', D') sees the difference y of their losses; the question is t, the log of the ratio of their
speedups at the target. By linear regression over the draws,

    var(t | y) = var(t) - cov(t, y)^2 / (var(y) + noise^2),

in the law whose speedups may change with size and, where that is believed, with the ratio. The best
experiment leaves the least, among those that cost little; one seed of a larger model often tells
more than three of a smaller one, because the noise between seeds is known.
"""

from collections.abc import Iterable

import numpy as np

from bestiary.laws import JointFit
from bestiary.measures import JointModel, comparable_sizes, joint_fit
from bestiary.specs import Spec

SEEDS = (1, 2, 3)
# An experiment may cost this share of the training that it is to inform.
SHARE = 0.1


class Experiment(Spec, frozen=True, kw_only=True):
    """A small experiment that would settle a large question best.

    Attributes:
        optimizers: The two whose order is asked about.
        seeds: Seeds of each.
        flops: Model FLOPs of all its runs, 6 N D.
        share: The same over those of the target's one run.
        doubt_now: Standard deviation of the log of the ratio of their speedups at the target.
        doubt_after: The same, expected after the experiment.
    """

    optimizers: tuple[str, str]
    size: str
    parameters: float
    ratio: float
    seeds: int
    flops: float
    share: float
    doubt_now: float
    doubt_after: float


def best_experiment(
    model: JointModel, pair: tuple[str, str] | None, parameters: float, tokens: float
) -> Experiment | None:
    """The experiment on two optimizers that would tell most; None where none is cheap enough.

    Args:
        model: The joint law.
        pair: The two optimizers; None where there is nothing to ask.
        parameters: N of the target.
        tokens: D of the target.
    """
    if pair is None:
        return None
    by_ratio = "ratio" in model.used
    fit = joint_fit(model.evidence, "data, size and ratio" if by_ratio else "data and size")
    options = [
        _option((model, fit), pair, (size, own, ratio, seeds), (parameters, tokens))
        for size, own in comparable_sizes(model.evidence).items()
        for ratio in _ratios(model, tokens / (20 * parameters))
        for seeds in SEEDS
        if own >= min(model.evidence.measured_sizes.values())
        and _cost(own, ratio, seeds) <= SHARE * 6 * parameters * tokens
    ]
    return min(options, key=lambda one: one.doubt_after, default=None)


def _ratios(model: JointModel, target: float) -> Iterable[float]:
    """Those that were measured, and the target's to one digit."""
    measured = {cell.ratio for cell in model.evidence.of(model.evidence.baseline)}
    return sorted(measured | {float(f"{target:.1g}")})


def _cost(parameters: float, ratio: float, seeds: int) -> float:
    """FLOPs of all runs."""
    return 2 * seeds * 6 * parameters * 20 * parameters * ratio


def _option(
    believed: tuple[JointModel, JointFit],
    pair: tuple[str, str],
    cell: tuple[str, float, float, int],
    target: tuple[float, float],
) -> Experiment:
    model, fit = believed
    laws = fit.laws
    assert laws is not None
    size, parameters, ratio, seeds = cell
    at = (parameters, 20 * parameters * ratio)
    asked_K = laws.log_speedup(pair[0], *target) - laws.log_speedup(pair[1], *target)
    seen_K = laws.loss(pair[0], *at) - laws.loss(pair[1], *at)
    # Seeds average out; what the law gets wrong of each optimizer at a cell does not.
    noise = model.evidence.noise_near(parameters)
    seed = noise.paired / np.sqrt(seeds)
    own = float(np.median(fit.scatter.own))
    misfit = np.sqrt(2 * max(0.0, own**2 - noise.own**2))
    covariance = np.cov(asked_K, seen_K)
    variance = covariance[0, 0]
    explained = covariance[0, 1] ** 2 / (covariance[1, 1] + seed**2 + misfit**2)
    flops = _cost(parameters, ratio, seeds)
    return Experiment(
        optimizers=pair,
        size=size,
        parameters=parameters,
        ratio=ratio,
        seeds=seeds,
        flops=flops,
        share=flops / (6 * target[0] * target[1]),
        doubt_now=float(np.sqrt(variance)),
        doubt_after=float(np.sqrt(max(0.0, variance - explained))),
    )
