"""A duel of tuners by replay: who finds the best of the study's stored runs in the fewest of them.

Every regime of phase I is a pool of stored runs. A tuner starts at a run drawn at random, the same
for all, and picks the next among those left; what counts is how far the best it has seen lies above
the best of the pool. Nothing is trained. The pools are stars around the configurations at which the
study's own coordinate descent ended, so they favour whoever changes one coordinate at a time.
"""

import math
import random
from collections.abc import Callable, Sequence
from importlib.util import find_spec

import numpy as np

from bestiary.errors import UserError
from bestiary.evidence.published import runs
from bestiary.laws import Array
from bestiary.measures.published._insensitive import REGIMES
from bestiary.specs import Configuration, Spec

# A pool of fewer runs tells nothing about a search.
LEAST_RUNS = 14
STARTS = 5
RUNS = 14
# A diverged run, and whatever is worse, counts as this far above the best of its pool, in nats.
WORST = 0.2
LENGTH, NOISE = 1.5, 0.05

Pool = Sequence[tuple[Configuration, float]]
# From a pool, the indices seen in order, and randomness, to the next index.
Tuner = Callable[[Pool, list[int], random.Random], int]


class TunerCourse(Spec, frozen=True, kw_only=True):
    """One tuner over all pools.

    Attributes:
        tuner: Its name.
        regrets: Mean over pools and starts of what the best seen lies above the pool's best, in
            nats per token, after 1, 2, ... runs.
        errors: Standard errors of these over pools.
    """

    tuner: str
    regrets: tuple[float, ...]
    errors: tuple[float, ...]


class TunerDuel(Spec, frozen=True, kw_only=True):
    """Tuners on the same pools from the same starts.

    Attributes:
        pools: How many regimes of how many optimizers.
        starts: Random starts in each.
        courses: One for every tuner, random search first.
        absent: Tuners left out, with what to install; empty where none is.
    """

    pools: int
    starts: int
    courses: tuple[TunerCourse, ...]
    absent: str


def tuner_duel(*, starts: int = STARTS) -> TunerDuel:
    """Let random search, coordinate descent, a Gaussian process and TPE search every pool.

    Args:
        starts: Random starts in each pool.

    Raises:
        UserError: fewer than one start.
    """
    if starts < 1:
        raise UserError(f"a duel needs at least one start, got {starts}")
    pools = _pools()
    has_optuna = find_spec("optuna") is not None
    tuners = {**TUNERS, **({"TPE": _tpe} if has_optuna else {})}
    return TunerDuel(
        pools=len(pools),
        starts=starts,
        courses=tuple(_course(name, tuner, pools, starts) for name, tuner in tuners.items()),
        absent="" if has_optuna else "TPE: pip install 'bestiary[duel]'",
    )


def _pools() -> list[Pool]:
    """What each regime of each optimizer holds: settings and the loss above the best, bounded."""
    found: dict[tuple[str, str, float | None], list[tuple[Configuration, float]]] = {}
    for run in runs():
        ran = run.tags["phase"] == "I" and run.state != "unfinished"
        if ran and (run.size, run.ratio) in REGIMES:
            loss = math.inf if run.loss is None else run.loss
            place = (run.optimizer, run.size, run.ratio)
            found.setdefault(place, []).append((run.settings, loss))
    pools: list[Pool] = []
    for trials in found.values():
        if len(trials) >= LEAST_RUNS:
            least = min(loss for _, loss in trials)
            pools.append([(one, min(loss - least, WORST)) for one, loss in trials])
    return pools


def _course(name: str, tuner: Tuner, pools: Sequence[Pool], starts: int) -> TunerCourse:
    means = []
    for number, pool in enumerate(pools):
        regrets = [
            _search(tuner, pool, random.Random(f"{number} {start}")) for start in range(starts)
        ]
        means.append(np.mean(regrets, axis=0))
    every = np.array(means)
    errors = every.std(axis=0, ddof=1) / math.sqrt(len(pools))
    return TunerCourse(
        tuner=name,
        regrets=tuple(map(float, every.mean(axis=0))),
        errors=tuple(map(float, errors)),
    )


def _search(tuner: Tuner, pool: Pool, draw: random.Random) -> list[float]:
    seen = [draw.randrange(len(pool))]
    while len(seen) < RUNS:
        seen.append(tuner(pool, seen, draw))
    return list(np.minimum.accumulate([pool[index][1] for index in seen]))


def _left(pool: Pool, seen: list[int]) -> list[int]:
    return [index for index in range(len(pool)) if index not in seen]


def _at_random(pool: Pool, seen: list[int], draw: random.Random) -> int:
    return draw.choice(_left(pool, seen))


def _by_coordinates(pool: Pool, seen: list[int], draw: random.Random) -> int:
    """A run that differs from the best so far in one coordinate; any, where none is left."""
    best, _ = pool[min(seen, key=lambda index: pool[index][1])]
    near = [index for index in _left(pool, seen) if _apart(best, pool[index][0]) == 1]
    if not near:
        return _at_random(pool, seen, draw)
    # The coordinate in which the first of them differs is finished before the next begins.
    order = list(best)
    return min(near, key=lambda index: (_first(order, best, pool[index][0]), index))


def _by_gaussian_process(pool: Pool, seen: list[int], draw: random.Random) -> int:
    """The greatest expected improvement under a squared-exponential kernel on scaled settings."""
    del draw
    places = _scaled([one for one, _ in pool])
    losses = np.array([pool[index][1] for index in seen])
    spread = max(float(losses.std()), 1e-4)
    target = (losses - losses.mean()) / spread
    left = _left(pool, seen)
    known = _kernel(places[seen], places[seen]) + NOISE * np.eye(len(seen))
    across = _kernel(places[left], places[seen])
    solved = np.linalg.solve(known, across.T)
    mean = solved.T @ target
    deviation = np.sqrt(np.maximum(1.0 + NOISE - np.sum(across * solved.T, axis=1), 1e-9))
    gain = (target.min() - mean) / deviation
    normal = np.array([0.5 * math.erfc(-one / math.sqrt(2)) for one in gain])
    expected = deviation * (gain * normal + np.exp(-0.5 * gain**2) / math.sqrt(2 * math.pi))
    return left[int(np.argmax(expected))]


def _tpe(pool: Pool, seen: list[int], draw: random.Random) -> int:
    """What Optuna's TPE asks for next, or of the runs left the one that differs from it least."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.ERROR)
    names = [name for name in pool[0][0] if len({repr(one.get(name)) for one, _ in pool}) > 1]
    values = {name: sorted({repr(one.get(name)) for one, _ in pool}) for name in names}
    space: dict[str, optuna.distributions.BaseDistribution] = {
        name: optuna.distributions.CategoricalDistribution(values[name]) for name in names
    }
    sampler = optuna.samplers.TPESampler(seed=draw.randrange(2**31), n_startup_trials=4)
    study = optuna.create_study(sampler=sampler)
    for index in seen:
        one, loss = pool[index]
        told = {name: repr(one.get(name)) for name in names}
        study.add_trial(
            optuna.trial.create_trial(params=told, distributions=space, value=float(loss))
        )
    asked = study.ask(space).params
    return min(
        _left(pool, seen),
        key=lambda index: sum(repr(pool[index][0].get(name)) != asked[name] for name in names),
    )


TUNERS: dict[str, Tuner] = {
    "random search": _at_random,
    "coordinate descent": _by_coordinates,
    "Gaussian process": _by_gaussian_process,
}


def _apart(one: Configuration, other: Configuration) -> int:
    return sum(one.get(name) != other.get(name) for name in {**one, **other})


def _first(order: Sequence[str], one: Configuration, other: Configuration) -> int:
    return next((i for i, name in enumerate(order) if one[name] != other.get(name)), len(order))


def _scaled(settings: Sequence[Configuration]) -> Array:
    """Settings as ranks of their values, from 0 to 1 in every coordinate that varies."""
    columns = []
    for name in settings[0]:
        values = [_number(one.get(name)) for one in settings]
        ranks = {value: rank for rank, value in enumerate(sorted(set(values)))}
        if len(ranks) > 1:
            columns.append([ranks[value] / (len(ranks) - 1) for value in values])
    return np.array(columns).T


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) else -1.0


def _kernel(ones: Array, others: Array) -> Array:
    squares = ((ones[:, None] - others[None]) ** 2).sum(axis=2)
    return np.asarray(np.exp(-0.5 * squares / LENGTH**2))
