"""Seeds in reserve: the two best candidates of a cell, until they can be told apart.

How many seeds there are is said beforehand, and each look at the difference is worth its share of
5%, so that looking again and again does not find a difference where there is none.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from bestiary.laws import cell_noise, student_quantile

# Losses by candidate, then by seed, in nats per token.
Losses = Mapping[str, Mapping[int, float]]


def rivals(losses: Losses, seeds: Sequence[int]) -> tuple[str, str] | None:
    """The two candidates with the least mean loss over the seeds that all have.

    Returns:
        None where fewer than two have a loss for every seed.
    """
    complete = {
        name: float(np.mean([own[seed] for seed in seeds]))
        for name, own in losses.items()
        if seeds and all(seed in own for seed in seeds)
    }
    order = sorted(complete, key=lambda name: complete[name])
    return (order[0], order[1]) if len(order) > 1 else None


def wanted_seed(
    losses: Losses, pair: tuple[str, str], seeds: Sequence[int], more: Sequence[int]
) -> int | None:
    """The next seed in reserve that both of a pair should be run on; None where that is enough.

    Args:
        losses: What is known in the cell, of all candidates.
        pair: The two to tell apart.
        seeds: The seeds that all candidates are run on.
        more: Those in reserve, in the order of their use.
    """
    first, second = (losses[name] for name in pair)
    noise = cell_noise(
        [losses[name][seed] for name in losses for seed in seeds if seed in losses[name]],
        [name for name in losses for seed in seeds if seed in losses[name]],
        [seed for name in losses for seed in seeds if seed in losses[name]],
    )
    used = list(seeds)
    for seed in (None, *more):
        if seed is not None:
            if seed not in first or seed not in second:
                return seed
            used.append(seed)
        gaps = [second[one] - first[one] for one in used]
        if _is_resolved(gaps, noise.own, noise.own_freedom, looks=1 + len(more)):
            return None
    return None


def _is_resolved(gaps: Sequence[float], deviation: float, freedom: int, *, looks: int) -> bool:
    """Whether a mean difference is beyond doubt, at one of so many looks."""
    if not freedom:
        return False
    quantile = student_quantile(1 - 0.025 / looks, freedom)
    reach = quantile * math.sqrt(2.0 / len(gaps)) * deviation
    return abs(float(np.mean(gaps))) > reach
