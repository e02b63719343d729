"""How often intervals hold the truth where real noise breaks what they assume.

A made-up study has three optimizers of known speedup at two sizes, four ratios and three seeds, and
breaks one assumption. Its losses go through the same functions as a real study's. Beside the
interval that is reported stands the plain one, of noise that is alike and independent everywhere
and of tuning without luck, which is what the interval was and what the check by profile likelihood
still assumes; the price is the width of the one over the other.

Run as `python -m benchmarks.broken_assumptions [studies [draws [row]]]`, of one row by the start of
its name; it prints a table of docs/statistics.md. One process; minutes for the default of 200
studies a row and 600 draws.
"""

import platform
import sys
import zlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

import numpy as np

from benchmarks.intervals import SPEEDUPS, bounds
from benchmarks.made_up import seen
from bestiary.evidence import Evidence, Key
from bestiary.measures import Drawn, Draws, draw, mean_of

SIZES = {"small": 1e6, "large": 4e6}
RATIOS = (1.0, 2.0, 4.0, 8.0)
SEEDS = 3
FALL, ASYMPTOTE = 0.5, 1.2
# The luck of tuning that a study's evidence carries: 4/3 of the default `Tuning.minimum_gain`.
TUNING_LUCK = 0.004


@dataclass(frozen=True)
class Broken:
    """One row: what is true, where it differs from what intervals assume.

    Attributes:
        name: The broken assumption.
        own: Standard deviation of own noise, in nats.
        shared: Of shared noise.
        noisier: By what factor an optimizer's own noise at a ratio is larger.
        lasting: Whether a seed's luck is the same at all ratios.
        regret: By how much a tuned configuration is worse than the best, on average.
        odd: By how much one seed of the baseline at one cell is too high.
        exponent: Of the baseline's curve at its least and greatest ratio.
        counted: Of which optimizers and ratios intervals are counted; all where it is None.
    """

    name: str
    own: float = 0.004
    shared: float = 0.01
    noisier: Callable[[str, float], float] = lambda name, ratio: 1.0
    lasting: bool = False
    regret: float = 0.0
    odd: float = 0.0
    exponent: tuple[float, float] = (0.45, 0.45)
    counted: Callable[[str, float], bool] = lambda name, ratio: True

    def loss(self, ratio: float) -> float:
        """The baseline's true loss; its exponent changes evenly in the log of the ratio."""
        first, last = self.exponent
        log = np.log(ratio)
        slope = (last - first) / np.log(RATIOS[-1])
        return float(FALL * np.exp(-(first * log + slope * log**2 / 2)) + ASYMPTOTE)


class Held(NamedTuple):
    """Shares of what was counted.

    Attributes:
        cells: Intervals of single cells that hold the truth.
        averages: The same of geometric means over all cells.
        wrong: Verdicts on an optimizer equal to the baseline that are wrong.
        width: Median width in logs.
    """

    cells: float
    averages: float
    wrong: float
    width: float


ROWS = (
    Broken("none"),
    Broken("one baseline seed 0.1 too high", odd=0.1),
    Broken("one baseline seed 0.03 too high", odd=0.03),
    Broken(
        "one rival four times noisier",
        noisier=lambda name, ratio: 4.0 if name == "soap" else 1.0,
        counted=lambda name, ratio: name == "soap",
    ),
    Broken(
        "noise falling with the ratio",
        noisier=lambda name, ratio: 4.0 / ratio,
        counted=lambda name, ratio: ratio == RATIOS[0],
    ),
    Broken(
        "noise rising with the ratio",
        noisier=lambda name, ratio: ratio / 2,
        counted=lambda name, ratio: ratio == RATIOS[-1],
    ),
    Broken("the same seed luck at all ratios", lasting=True),
    Broken("curve mildly broken, low noise", own=0.001, shared=0.002, exponent=(0.5, 0.35)),
    Broken("tuning luck, mean 0.004", regret=0.004),
    Broken("tuning luck, mean 0.004, low noise", own=0.001, shared=0.002, regret=0.004),
    Broken("exponent 1.6, outside the prior", exponent=(1.6, 1.6)),
)


def held(row: Broken, studies: int, draws: int, seed: int = 0) -> tuple[Held, Held]:
    """What is held by the interval that is reported, and by the plain one."""
    generator = np.random.default_rng([seed, zlib.crc32(row.name.encode())])
    every = [_study(row, generator) for _ in range(studies)]
    return _held(row, every, draws, plain=False), _held(row, every, draws, plain=True)


def _study(row: Broken, generator: np.random.Generator) -> Evidence:
    """The reported runs of one made-up study."""
    losses: dict[Key, list[float]] = {}
    for size in SIZES:
        shared = {ratio: generator.normal(0, row.shared, SEEDS) for ratio in RATIOS}
        for name, speedup in SPEEDUPS.items():
            regret = generator.exponential(row.regret) if row.regret else 0.0
            lasting = generator.normal(0, 1, SEEDS)
            for ratio in RATIOS:
                own = row.own * row.noisier(name, ratio)
                luck = lasting if row.lasting else generator.normal(0, 1, SEEDS)
                both = shared[RATIOS[0] if row.lasting else ratio] + own * luck
                losses[name, size, ratio] = list(row.loss(ratio * speedup) + regret + both)
    if row.odd:
        size, ratio = list(SIZES)[generator.integers(2)], RATIOS[generator.integers(4)]
        losses["adamw", size, ratio][generator.integers(SEEDS)] += row.odd
    return seen(losses, SIZES, tuning_luck=TUNING_LUCK)


def _held(row: Broken, studies: Iterable[Evidence], draws: int, *, plain: bool) -> Held:
    cells, averages, wrong, widths = [], [], [], []
    for number, found in enumerate(studies):
        drawn = draw(found, seed=number, count=draws, plain=plain)
        for name, speedup in list(SPEEDUPS.items())[1:]:
            truth = np.log(speedup)
            every = dict(_speedups(drawn, name))
            for ratio, one in ((key[2], one) for key, one in every.items()):
                low, high = bounds(one)
                if row.counted(name, ratio):
                    cells.append(low <= truth <= high)
                    widths.append(high - low)
                if speedup == 1.0:
                    wrong.append(low > 0 or high < 0)
            finite = [one for one in every.values() if np.isfinite(one.value)]
            if finite:
                low, high = bounds(mean_of(finite))
                averages.append(low <= truth <= high)
    return Held(
        *(float(np.mean(one)) for one in (cells, averages, wrong)), float(np.median(widths))
    )


def _speedups(drawn: Draws, name: str) -> Iterable[tuple[Key, Drawn]]:
    for size, ratio in product(SIZES, RATIOS):
        one = drawn.log_speedup((name, size, ratio))
        if one is not None:
            yield (name, size, ratio), one


def run(studies: int = 200, draws: int = 600, name: str = "") -> None:
    """Print one line a row."""
    for row in (one for one in ROWS if one.name.startswith(name)):
        reported, plain = held(row, studies, draws)
        shares = (
            f"{100 * new:.1f}% ({100 * old:.1f}%)"
            for new, old in zip(reported[:3], plain[:3], strict=True)
        )
        price = np.exp(reported.width), np.exp(plain.width), reported.width / plain.width
        told = "{:.2f} ({:.2f}) | {:.2f}".format(*price)
        print(f"| {row.name} | {' | '.join(shares)} | {told} |", flush=True)


if __name__ == "__main__":
    print(f"python {platform.python_version()}, numpy {np.__version__}; in brackets the plain one")
    print(
        "| broken assumption | speedups | averages | wrong verdict on an equal optimizer | "
        "high / low | price |\n|" + "---|" * 6
    )
    run(*(int(argument) for argument in sys.argv[1:3]), *sys.argv[3:4])
