"""How often the interval of a speedup to a target loss holds the truth.

A made-up study has three optimizers of known speedup whose runs train until they reach a loss, and
takes the way of an import. Run as `python -m benchmarks.to_target [studies [draws]]`; it prints a
table of docs/statistics.md. One process; minutes for the default of 300 studies a row.
"""

import math
import platform
import sys
import zlib
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from benchmarks.intervals import SPEEDUPS
from bestiary.evidence import TargetEvidence, target_evidence
from bestiary.measures import TargetMeasures
from bestiary.store import ForeignImport, ForeignResult, ImportOrigin, TargetLoss

BASELINE_STEPS = 5_000.0
# Standard deviations of the logarithm of what a run takes: its own, and by seed.
OWN, SHARED = 0.02, 0.02


@dataclass(frozen=True)
class Design:
    """One row: how many runs of each optimizer, and what happens to them.

    Attributes:
        name: In words.
        paired: Whether all optimizers ran the same seeds.
        noisier: By what factor the own noise of the optimizer equal to the baseline is larger.
        cut: At how many times its true steps a run that is not the baseline's is stopped.
    """

    name: str
    seeds: int
    sizes: int = 1
    paired: bool = True
    noisier: float = 1.0
    cut: float = math.inf


class HeldToTarget(NamedTuple):
    """Shares of intervals: that hold the truth, and wrong ones of the equal optimizer."""

    held: float
    counted: int
    wrong: float
    width: float


ROWS = (
    Design("3 seeds in common, one size", 3),
    Design("2 seeds in common, two sizes", 2, sizes=2),
    Design("3 seeds, none in common", 3, paired=False),
    Design("5 seeds, none in common, the equal one four times noisier", 5, 1, False, 4.0),
    Design("5 seeds in common, the equal one four times noisier", 5, noisier=4.0),
    Design("3 seeds in common, two sizes, half of the rivals' runs cut", 3, 2, cut=1.0),
    Design("5 seeds in common, a quarter of them cut", 5, cut=1.02),
)


def held(row: Design, studies: int, draws: int) -> HeldToTarget:
    """What the intervals of a row hold."""
    generator = np.random.default_rng(zlib.crc32(row.name.encode()))
    inside, wrong, widths = [], [], []
    for number in range(studies):
        measures = TargetMeasures(_study(row, generator), count=draws, seed=number)
        for name, truth in list(SPEEDUPS.items())[1:]:
            for size in measures.evidence.sizes:
                found = measures.speedup(name, size)
                low, high = found.low or 0.0, found.high or math.inf
                inside.append(low <= truth <= high)
                if found.value is not None:
                    widths.append(math.log(high / low))
                if truth == 1.0:
                    wrong.append(found.side(1.0) != 0)
    width = float(np.median(widths)) if widths else math.nan
    return HeldToTarget(float(np.mean(inside)), len(inside), float(np.mean(wrong)), width)


def _study(row: Design, generator: np.random.Generator) -> TargetEvidence:
    """The runs of one made-up study."""
    results = []
    for size in range(row.sizes):
        common = generator.normal(0, SHARED, row.seeds)
        for name, speedup in SPEEDUPS.items():
            usual = BASELINE_STEPS / speedup
            luck = common if row.paired else generator.normal(0, SHARED, row.seeds)
            own = OWN * (row.noisier if speedup == 1.0 and name != "adamw" else 1.0)
            took = usual * np.exp(luck + generator.normal(0, own, row.seeds))
            for seed, steps in enumerate(took):
                stopped = name != "adamw" and steps > row.cut * usual
                results.append(
                    ForeignResult(
                        optimizer=name,
                        size=f"size {size}",
                        seed=seed if row.paired else None,
                        reached=not stopped,
                        amount=row.cut * usual if stopped else float(steps),
                        file="made-up.csv",
                        row=len(results) + 2,
                    )
                )
    return target_evidence(
        ForeignImport(
            origin=ImportOrigin(source="made up"),
            target=TargetLoss(loss=3.28, counted="steps"),
            results=tuple(results),
        )
    )


def run(studies: int = 300, draws: int = 1_000) -> None:
    """Print one line a row."""
    for row in ROWS:
        found = held(row, studies, draws)
        print(
            f"| {row.name} | {found.held:.1%} of {found.counted:,} | {found.wrong:.1%} | "
            f"{math.exp(found.width):.2f} |",
            flush=True,
        )


if __name__ == "__main__":
    print(f"python {platform.python_version()}, numpy {np.__version__}")
    print("| runs | intervals that hold it | wrong verdict on the equal one | high / low |")
    print("|" + "---|" * 4)
    run(*(int(argument) for argument in sys.argv[1:]))
