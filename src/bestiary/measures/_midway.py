"""When a comparison in the middle of training would have named the wrong winner.

Learning rates still high keep losses apart that a finished decay brings together, so the leader of
a half-finished run need not win (third finding of arXiv 2509.02046). Curves of report losses are
averaged over the seeds that all optimizers of a cell finished, and read at equal shares of tokens.

Shape suffixes: P shares of training, S seeds.
"""

from collections.abc import Sequence

import numpy as np

from bestiary.evidence import Evidence, Observation, SeedNoise
from bestiary.laws import Array
from bestiary.specs import Cell, Spec


class Moment(Spec, frozen=True, kw_only=True):
    """The ranking after some share of the training.

    Attributes:
        share: Of all training tokens.
        leader: The optimizer with the lowest mean loss.
        lead: Loss of the final winner less the leader's, in nats per token; 0 while it leads.
        beyond_noise: Whether that lead excludes 0 at 95%.
    """

    share: float
    leader: str
    lead: float
    beyond_noise: bool


class Midway(Spec, frozen=True, kw_only=True):
    """One cell's ranking over training.

    Attributes:
        optimizers: Those compared, from the best to the worst at the end.
        seeds: The seeds averaged.
        winner: The one with the lowest loss at the end.
        certain: Whether it beats the next at 95%.
        moments: The ranking at every evaluation, the end included.
        wrong_until: The last share at which another one led; None where the winner always led.
        wrong_beyond_noise_until: The same, counting only leads beyond noise.
        misleader: The one that led there; empty where the winner always led.
        excess: Mean loss above the winner's at every moment, by optimizer, in nats per token.
        threshold: What such an excess must reach, up or down, to be more than noise (95%).
    """

    size: str
    ratio: float
    optimizers: tuple[str, ...]
    seeds: tuple[int, ...]
    winner: str
    certain: bool
    moments: tuple[Moment, ...]
    wrong_until: float | None
    wrong_beyond_noise_until: float | None
    misleader: str
    excess: dict[str, tuple[float, ...]]
    threshold: float


# Optimizer -> seed -> (share of training, loss), ascending, the end last.
Curves = dict[str, dict[int, tuple[Array, Array]]]


def midway(evidence: Evidence, optimizers: Sequence[str] = ()) -> tuple[Midway, ...]:
    """The ranking over training at every cell where two optimizers share a finished seed.

    Args:
        evidence: What was seen.
        optimizers: Those to compare; all where none are named.
    """
    chosen = optimizers or tuple(evidence.contenders)
    found = []
    for cell in evidence.cells:
        here = {one.optimizer: one for one in evidence.observations if one.cell == cell}
        curves = {name: _curves(here[name]) for name in chosen if name in here}
        noise = evidence.noise[cell.size]
        found.append(ranking(cell, curves, noise))
    return tuple(one for one in found if one is not None)


def ranking(cell: Cell, curves: Curves, noise: SeedNoise) -> Midway | None:
    """The ranking over training at one cell; None below two optimizers with a seed in common.

    Args:
        cell: Which.
        curves: Loss over training; the same seeds are compared.
        noise: Of its size at the end of training, taken as that of the whole course.
    """
    curves = {name: one for name, one in curves.items() if one}
    if len(curves) < 2:
        return None
    seeds = sorted(set.intersection(*(set(one) for one in curves.values())))
    if not seeds:
        return None
    share_P = _shares([curves[name][seed][0] for name in curves for seed in seeds])
    loss = {
        name: np.mean([np.interp(share_P, *one[seed]) for seed in seeds], axis=0)
        for name, one in curves.items()
    }
    order = sorted(loss, key=lambda name: (loss[name][-1], name))
    # Paired by seed, so that only each optimizer's own noise is left in a difference.
    threshold = noise.half_width(noise.paired / len(seeds) ** 0.5)
    moments = tuple(
        _moment(loss, point, share_P, order[0], threshold) for point in range(len(share_P))
    )
    wrong = [one for one in moments if one.leader != order[0]]
    last = max(wrong, key=lambda one: (one.beyond_noise, one.share), default=None)
    return Midway(
        size=cell.size,
        ratio=cell.ratio,
        optimizers=tuple(order),
        seeds=tuple(seeds),
        winner=order[0],
        certain=bool(loss[order[1]][-1] - loss[order[0]][-1] > threshold),
        moments=moments,
        wrong_until=max((one.share for one in wrong), default=None),
        wrong_beyond_noise_until=max(
            (one.share for one in wrong if one.beyond_noise), default=None
        ),
        misleader=last.leader if last else "",
        excess={name: tuple((one_P - loss[order[0]]).tolist()) for name, one_P in loss.items()},
        threshold=threshold,
    )


def _moment(
    loss: dict[str, Array], point: int, share_P: Array, winner: str, threshold: float
) -> Moment:
    """Who leads at one point."""
    leader = min(loss, key=lambda name: (loss[name][point], name != winner))
    lead = float(loss[winner][point] - loss[leader][point])
    return Moment(
        share=float(share_P[point]), leader=leader, lead=lead, beyond_noise=lead > threshold
    )


def _curves(one: Observation) -> dict[int, tuple[Array, Array]]:
    """Share of training and loss of every finished run that was evaluated on the way, by seed.

    Runs that state no seed are numbered: they cannot be paired, only averaged.
    """
    return {
        number if run.seed is None else run.seed: (
            np.array(run.validation.progress) / run.validation.progress[-1],
            np.array(run.validation.losses),
        )
        for number, run in enumerate(one.done)
        if len(run.validation.losses) > 1
    }


def _shares(axes: Sequence[Array]) -> Array:
    """The shares of the run evaluated least often, from where all have been evaluated."""
    least = min(axes, key=lambda axis: axis.size)
    return least[least >= max(axis[0] for axis in axes) - 1e-12]
