"""The study's rule for which hyperparameters may be frozen, and its seed noise from epsilon.

In regime r the near-optimal set C_r holds the runs within 6.4e-3 nats of the best. A hyperparameter
is scaling-insensitive if one single value of it occurs in C_r for all six regimes of phase I.

Shape suffixes: R runs of a regime, K draws.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np

from bestiary.evidence.published import runs
from bestiary.laws import Array
from bestiary.measures.published._variant import Variant
from bestiary.store import ForeignResult

DELTA_NEAR = 6.4e-3
REGIMES = (("130m", 1.0), ("130m", 2.0), ("130m", 4.0), ("130m", 8.0), ("300m", 1.0), ("520m", 1.0))
EPSILONS = ("epsilon", "muon_epsilon", "scion_epsilon")


class Insensitive(NamedTuple):
    """Whether the rule calls a hyperparameter insensitive.

    Attributes:
        margin: How much worse the best shared value may be before it is not near-optimal
            somewhere, in nats; above 0 means insensitive.
        share: Share of redrawn data sets in which it is.
        censored: Regimes whose best run has the least or the greatest value tried there, so that
            the optimum may lie beyond and what is called insensitive was not seen to be.
    """

    margin: float
    share: float
    censored: int


def insensitive(optimizer: str, evidence: Variant) -> dict[str, Insensitive]:
    """The rule applied to every hyperparameter that was varied."""
    return _insensitive(optimizer, evidence.noise, evidence.draws, evidence.seed)


@cache
def _insensitive(optimizer: str, noise: float, draws: int, seed: int) -> dict[str, Insensitive]:
    regimes = [_phase_one(optimizer, *regime) for regime in REGIMES]
    every = [run for regime in regimes for run in regime]
    generator = np.random.default_rng((seed, 22))
    point, redrawn = [], []
    for regime in regimes:
        loss_R = np.array([run.loss for run in regime])
        normal_RK = generator.standard_normal((loss_R.size, draws))
        point.append(_excess(loss_R[:, None]))
        redrawn.append(_excess(loss_R[:, None] + noise * normal_RK))
    found = {}
    for name in sorted({name for run in every for name in run.settings}):
        if len({run.settings.get(name) for run in every}) > 1:
            margin = DELTA_NEAR - _worst_of_best_shared(name, regimes, point)
            margin_K = DELTA_NEAR - _worst_of_best_shared(name, regimes, redrawn)
            censored = sum(_on_an_end(name, regime) for regime in regimes)
            found[name] = Insensitive(float(margin[0]), float(np.mean(margin_K > 0)), censored)
    return found


def epsilon_noise() -> tuple[float, int]:
    """Seed noise as the median spread over epsilons, which should change nothing.

    Returns:
        The median standard deviation, in nats, and the number of groups it is taken over; groups
        in which epsilon clearly did matter (a range above 0.02) are left out.
    """
    spreads = []
    for name in sorted({run.optimizer for run in runs()}):
        for regime in REGIMES:
            cell = _phase_one(name, *regime)
            base = [_loss(run) for run in cell if run.tags["changed"] == ""]
            for epsilon in EPSILONS:
                changed = [_loss(run) for run in cell if run.tags["changed"] == epsilon]
                group = base[:1] + changed
                if changed and len(group) >= 3 and np.ptp(group) < 0.02:
                    spreads.append(np.std(group, ddof=1))
    return float(np.median(spreads)), len(spreads)


def _excess(loss_RK: Array) -> Array:
    """What every run is above the best of its regime."""
    return loss_RK - loss_RK.min(axis=0)


def _worst_of_best_shared(
    name: str, regimes: Sequence[Sequence[ForeignResult]], excess: Sequence[Array]
) -> Array:
    """The excess, in its worst regime, of the value whose worst regime is best."""
    values = {run.settings.get(name) for regime in regimes for run in regime}
    worst = [
        np.max(
            [_best_with(name, value, *pair) for pair in zip(regimes, excess, strict=True)], axis=0
        )
        for value in values
    ]
    return np.min(worst, axis=0)


def _best_with(
    name: str, value: object, regime: Sequence[ForeignResult], excess_RK: Array
) -> Array:
    has_R = np.array([run.settings.get(name) == value for run in regime])
    return excess_RK[has_R].min(axis=0, initial=np.inf)


def _on_an_end(name: str, regime: Sequence[ForeignResult]) -> bool:
    """Whether the best run of a regime has the least or the greatest of several numbers tried."""
    numbers = {
        run.settings[name]: _loss(run)
        for run in sorted(regime, key=_loss, reverse=True)
        if isinstance(run.settings.get(name), int | float)
    }
    if len(numbers) < 2:
        return False
    best = min(numbers, key=lambda value: numbers[value])
    return best in (min(numbers, key=float), max(numbers, key=float))


def _phase_one(optimizer: str, size: str, ratio: float) -> list[ForeignResult]:
    return [
        run
        for run in runs()
        if (run.optimizer, run.size, run.ratio) == (optimizer, size, ratio)
        and run.tags["phase"] == "I"
        and run.state == "done"
    ]


def _loss(run: ForeignResult) -> float:
    assert run.loss is not None
    return run.loss
