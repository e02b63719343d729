"""How often a report names a winner where every optimizer is equal: in tokens, in time, the next.

Made-up studies (two sizes, three ratios, three seeds, own and shared noise of 0.004 and 0.01 nats,
clocks that scatter by 2%) in which nothing is faster than the baseline. Every first sentence that
names a winner, and every one that puts the best before the next, is false.

Run as `python -m benchmarks.equal_rivals [studies [draws]]`; it prints a table of
docs/statistics.md.
"""

import sys
from collections.abc import Iterable
from itertools import product

import numpy as np
from msgspec.structs import replace

from benchmarks.made_up import seen
from bestiary.answers.report import Analysis, analyse
from bestiary.evidence import Evidence

SIZES = {"small": 1e6, "large": 4e6}
RATIOS = (1.0, 2.0, 4.0)
SEEDS = 3
OWN, SHARED, CLOCK = 0.004, 0.01, 0.02
RIVALS = (1, 9, 26)
# The allowance for the luck of tuning that a study's evidence carries, and none.
LUCKS = (0.0, 0.004)


def study(generator: np.random.Generator, rivals: int, luck: float) -> Evidence:
    """One study of equal optimizers."""
    names = ["adamw", *(f"rival{number}" for number in range(rivals))]
    shared = {
        (size, ratio): generator.normal(0, SHARED, SEEDS) for size, ratio in product(SIZES, RATIOS)
    }
    losses = {
        (name, size, ratio): (
            0.5 * ratio**-0.45 + 1.2 + shared[size, ratio] + generator.normal(0, OWN, SEEDS)
        )
        for name, size, ratio in product(names, SIZES, RATIOS)
    }
    evidence = seen(losses, SIZES, tuning_luck=luck)
    timed = tuple(
        replace(
            one,
            tokens_per_step=1024.0,
            runs=tuple(
                replace(run, step_seconds=float(np.exp(generator.normal(0, CLOCK))))
                for run in one.runs
            ),
        )
        for one in evidence.observations
    )
    return replace(evidence, observations=timed)


def named(answer: Iterable[str]) -> tuple[bool, bool, bool]:
    """Whether the sentences name a winner in tokens, in time, and put it before the next."""
    told = list(answer)
    return (
        "needs the fewest tokens" in told[0],
        any("needs the least time" in one for one in told),
        any("the speedup of" in one and one.endswith("the next.") for one in told)
        or any("below that of" in one for one in told),
    )


def uncorrected(analysis: Analysis) -> bool:
    """Whether the best in time has an interval above 1, as the sentence once asked."""
    timed = [one.time_speedup for one in analysis.summaries]
    return max(timed, key=lambda one: one.value or 0.0).side(1.0) > 0


def main(studies: int, draws: int) -> None:
    print(f"{studies} studies a row, {draws} draws")
    print("| rivals | luck of tuning | tokens | time | the next | time, by its interval alone |")
    print("|---|---|---|---|---|---|")
    for rivals, luck in product(RIVALS, LUCKS):
        counts = np.zeros(4)
        for number in range(studies):
            generator = np.random.default_rng([number, rivals, round(1e4 * luck)])
            found = analyse(study(generator, rivals, luck), draws=draws)
            counts += (*named(found.answer), uncorrected(found))
        shares = " | ".join(f"{count / studies:.1%}" for count in counts)
        print(f"| {rivals} | {luck:g} | {shares} |", flush=True)


if __name__ == "__main__":
    main(*(int(one) for one in [*sys.argv[1:], "200", "400"][:2]))
