"""How often a 95% interval of a token speedup holds the truth, on thousands of made-up studies.

A study has three optimizers of known speedup at one size (the hard case: nothing to pool with), a
loss curve with a known exponent, and seeds with a shared and an own part of noise. Its losses go
through the same functions as a real study's. Counted are the intervals that the report shows, and
those of the profile likelihood, which share no code with them.

Run as `python -m benchmarks.intervals [studies [draws]]`; it prints the table of
docs/statistics.md. One process; minutes for the default of 300 studies a row and 600 draws.
"""

import platform
import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import scipy

from benchmarks.made_up import seen
from bestiary.evidence import Evidence
from bestiary.measures import PRIOR, Drawn, draw, factor, mean_of
from bestiary.measures._profile_check import profile_interval

SPEEDUPS = {"adamw": 1.0, "muon": 1.4, "soap": 1.0}
FALL, ASYMPTOTE = 0.5, 1.2
Exponent = Callable[[np.random.Generator], float]


@dataclass(frozen=True)
class Design:
    """One row of the table.

    Attributes:
        ratios: Ratios of every optimizer.
        seeds: Seeds of every cell.
        own: Standard deviation of own noise, in nats.
        shared: Standard deviation of shared noise.
        exponents: What the exponents of the curves are, in words.
        exponent: Draws one.
    """

    ratios: tuple[float, ...]
    seeds: int
    own: float
    shared: float
    exponents: str
    exponent: Exponent


@dataclass(frozen=True)
class Coverage:
    """What was counted.

    Attributes:
        intervals: Intervals counted.
        reported: Share of them that held the truth.
        average: The same for the geometric mean over the cells.
        profile: The same for the profile likelihood.
        wrong: Share of verdicts `faster` or `slower` that were wrong where the truth is 1.
        width: Median ratio of the upper to the lower end of those reported.
        open: Share of these with an open end.
    """

    intervals: int
    reported: float
    average: float
    profile: float
    wrong: float
    width: float
    open: float


def coverage(
    design: Design, studies: int, draws: int, seed: int = 0, *, plain: bool = True
) -> Coverage:
    """Count over so many studies, intervals of noise that is alike everywhere or of any noise."""
    row = f"{design.ratios} {design.seeds} {design.own} {design.shared} {design.exponents}"
    generator = np.random.default_rng([seed, zlib.crc32(row.encode())])
    held, average, held_profile, wrong, widths = [], [], [], [], []
    for study in range(studies):
        found = _study(design, generator)
        drawn = draw(found, seed=study, count=draws, plain=plain).sizes["size"]
        cells = {one.key: one for one in found.observations}
        for key, one in drawn.log_speedups.items():
            name = key[0]
            truth = np.log(SPEEDUPS[name])
            low, high = bounds(one)
            held.append(low <= truth <= high)
            widths.append(high - low)
            ends = profile_interval(found, cells[key])
            held_profile.append(ends[0] <= truth <= ends[1])
            if SPEEDUPS[name] == 1.0:
                wrong.append(low > 0 or high < 0)
        for name in ("muon", "soap"):
            each = [one for key, one in drawn.log_speedups.items() if key[0] == name]
            finite = [one for one in each if np.isfinite(one.value)]
            if finite:
                low, high = bounds(mean_of(finite))
                average.append(low <= np.log(SPEEDUPS[name]) <= high)
    return Coverage(
        intervals=len(held),
        reported=float(np.mean(held)),
        average=float(np.mean(average)),
        profile=float(np.mean(held_profile)),
        wrong=float(np.mean(wrong)),
        width=float(np.exp(np.median(widths))),
        open=float(np.isinf(widths).mean()),
    )


def bounds(one: Drawn) -> tuple[float, float]:
    """The ends of a logarithm's interval; infinite where they are open."""
    found = factor(one.value, one.draws)
    low = -np.inf if found.low is None else np.log(found.low)
    return low, np.inf if found.high is None else np.log(found.high)


def _study(design: Design, generator: np.random.Generator) -> Evidence:
    """The reported runs of one made-up study."""
    exponent, losses = design.exponent(generator), {}
    for ratio in design.ratios:
        shared_S = generator.normal(0, design.shared, design.seeds)
        for name, speedup in SPEEDUPS.items():
            true = FALL * (ratio * speedup) ** -exponent + ASYMPTOTE
            losses[name, "size", ratio] = [
                true + shared_S[seed] + generator.normal(0, design.own)
                for seed in range(design.seeds)
            ]
    return seen(losses, {"size": 1e6})


def from_prior(generator: np.random.Generator) -> float:
    """An exponent as the prior has it."""
    return float(np.exp(generator.uniform(np.log(PRIOR.low), np.log(PRIOR.high))))


def fixed(value: float) -> Exponent:
    """The same exponent for every study."""
    return lambda generator: value


def designs() -> list[Design]:
    """The rows of the table."""
    quiet, loud = (0.004, 0.01), (0.02, 0.02)
    ladder = ((1.0, 2.0), (1.0, 2.0, 4.0), (1.0, 2.0, 4.0, 8.0))
    rows = [
        Design(ratios, seeds, *noise, "as the prior", from_prior)
        for ratios in ladder
        for seeds in (2, 3)
        for noise in (quiet, loud)
    ]
    return rows + [
        Design(ratios, 3, *quiet, f"{value:g}", fixed(value))
        for ratios in ladder
        for value in (0.2, 0.28, 0.45, 0.8, 1.2)
    ]


def run(studies: int = 300, draws: int = 600) -> list[dict[str, Any]]:
    """One dictionary per design."""
    rows = []
    for design in designs():
        began = time.perf_counter()
        counted = coverage(design, studies, draws)
        row = {"benchmark": "intervals", **vars(design), **vars(counted)}
        row.pop("exponent")
        rows.append({**row, "seconds": time.perf_counter() - began})
        print(_line(design, counted), flush=True)
    return rows


def _line(design: Design, counted: Coverage) -> str:
    """One row of the table in Markdown."""
    ratios = ", ".join(f"{ratio:g}" for ratio in design.ratios)
    return (
        f"| {ratios} | {design.seeds} | {design.own:g} / {design.shared:g} | {design.exponents} | "
        f"{counted.intervals} | {100 * counted.reported:.1f}% | {100 * counted.average:.1f}% | "
        f"{100 * counted.profile:.1f}% | "
        f"{100 * counted.wrong:.1f}% | {counted.width:.2f} | {100 * counted.open:.1f}% |"
    )


if __name__ == "__main__":
    print(f"python {platform.python_version()}, numpy {np.__version__}, scipy {scipy.__version__}")
    print(
        "| ratios | seeds | own / shared noise | exponents | intervals | reported | averages | "
        "profile | wrong verdicts | high / low | open |\n|" + "---|" * 11
    )
    run(*(int(argument) for argument in sys.argv[1:]))
