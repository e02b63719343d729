"""How often every other 95% interval that a user is shown holds the truth.

`benchmarks.intervals` counts token speedups, the hard case, in many designs; this counts all kinds
in some: what a report shows of made-up studies (losses, differences, speedups in tokens and time,
the baseline's law), crossovers, predictions of the joint law as `advise` makes them, and
hyperparameters at another scale.

Run as `python -m benchmarks.intervals_shown [studies]`; it prints the table of docs/statistics.md.
"""

import math
import sys
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterator

import numpy as np

from benchmarks.made_up import LAWS, STEP_TIMES, MadeUp, seen
from bestiary.answers.crossover import crossover
from bestiary.answers.report import Analysis, analyse
from bestiary.evidence import Evidence, own_evidence
from bestiary.laws import FORMS, JointLaw, fit_setting_law
from bestiary.measures import JointModel, Measures
from bestiary.specs import SIZES, Estimate, Feasible, run_id

DRAWS = 600
# A kind of interval, the interval, and the truth it should hold.
Counted = tuple[str, Estimate, float]
Trial = Callable[[np.random.Generator], Iterator[Counted]]


def report(design: MadeUp, assumed: float = 0.01) -> Trial:
    """Everything `analyse` shows of one study."""
    study, planned = design.study, design.planned()
    runs = {run_id(one.run): one for one in planned}

    def trial(generator: np.random.Generator) -> Iterator[Counted]:
        results = design.results(planned, generator)
        evidence = own_evidence(study, runs, results, assumed_noise=assumed)
        yield from _shown(design, analyse(evidence, draws=DRAWS))

    return trial


def _shown(design: MadeUp, found: Analysis) -> Iterator[Counted]:
    """The intervals of one analysis and their truths."""
    for row in found.rows:
        true = design.loss(row.optimizer, row.size, row.ratio)
        yield "loss", row.loss, true
        if row.verdict == "baseline":
            continue
        speedup = design.speedup(row.optimizer, row.size, row.ratio)
        step = STEP_TIMES[row.optimizer]
        yield (
            "loss difference",
            row.loss_difference,
            true - design.loss("adamw", row.size, row.ratio),
        )
        yield "token speedup", row.token_speedup, speedup
        yield "step time", row.step_time_ratio, step
        yield "time speedup", row.time_speedup, speedup / step
    for one in found.summaries:
        speedup, step = design.speedup(one.optimizer, "", 0.0), STEP_TIMES[one.optimizer]
        yield "token speedup, average", one.token_speedup, speedup
        yield "time speedup, average", one.time_speedup, speedup / step
    for law in found.laws:
        parts = zip("aBb", (law.a, law.exponent, law.b), LAWS[law.size], strict=True)
        for name, estimate, true in parts:
            yield f"baseline's {name}", estimate, true
        for point in (law.curve[0], law.curve[20], law.curve[-1]):
            band = Estimate(value=point.loss, low=point.low, high=point.high)
            yield "baseline's curve", band, design.loss("adamw", law.size, point.ratio)


def crossing(axis: str) -> Trial:
    """Where two optimizers change places, in size or in ratio, within the data."""

    def log_speedup(size: str, ratio: float) -> float:
        if axis == "size":
            return -0.12 * math.log(SIZES[size].matrix_parameters / SIZES["262k"].matrix_parameters)
        return -0.25 * math.log(ratio / 2.0)

    def speedup(name: str, size: str, ratio: float) -> float:
        return math.exp(log_speedup(size, ratio)) if name == "muon" else 1.0

    design = MadeUp(("65k", "262k", "1m"), (1.0, 2.0, 4.0), 3, speedup=speedup)
    study, planned = design.study, design.planned()
    runs = {run_id(one.run): one for one in planned}
    truth = float(SIZES["262k"].matrix_parameters) if axis == "size" else 2.0

    def trial(generator: np.random.Generator) -> Iterator[Counted]:
        results = design.results(planned, generator)
        evidence = own_evidence(study, runs, results)
        for one in crossover(evidence, "muon", "adamw", draws=DRAWS).crossings:
            if one.axis == axis:
                yield f"crossing in {axis}", one.at, truth

    return trial


NAMES = ("adamw", "muon", "soap")
# Per size and ratio; E, A, C, alpha, beta, kappa; r and g of both others.
JOINT = (1.6, 0.6, 0.25, 0.25, 0.45), 0.03, (1.3, 1.0), (-0.08, 0.0)
POINTS = [
    (name, n, 20 * n * ratio)
    for name in NAMES
    for n in (1.3e8, 3.0e8, 5.4e8)
    for ratio in (1.0, 2.0, 4.0, 8.0)
]
NOISE = 0.002


def _joint_truth() -> JointLaw:
    """The law that the losses of `POINTS` follow."""
    logs, kappa, efficiencies, slopes = JOINT
    values = [*np.log(logs), kappa, *np.log(efficiencies), *slopes]
    n_P, d_P = (np.log([point[index] for point in POINTS]) for index in (1, 2))
    scale = math.exp(n_P.mean()), math.exp(d_P.mean())
    return JointLaw(FORMS["data and size"], NAMES, scale, np.array(values))


def prediction(scatter: float) -> Trial:
    """What `advise` predicts from three sizes and four ratios, within the data and beyond.

    Args:
        scatter: What the law gets wrong: a part of each cell, and half as much of each loss, nats.
    """
    law = _joint_truth()
    true_P = np.array([float(law.loss(*point)) for point in POINTS])

    def trial(generator: np.random.Generator) -> Iterator[Counted]:
        cells = {point[1:]: generator.normal(0, scatter) for point in POINTS}
        missed_P = np.array([cells[point[1:]] for point in POINTS])
        own_P = generator.normal(0, math.hypot(NOISE, scatter / 2), len(POINTS))
        model = JointModel(Measures(_evidence(true_P + missed_P + own_P)))
        for place, n in (("within", 3.0e8), ("4 times the largest size", 2.16e9)):
            at = (n, 20 * 4 * n)
            baseline = float(law.loss("adamw", *at))
            yield f"advised loss, {place}", model.baseline_loss(*at), baseline
            for name in NAMES[1:]:
                found = model.predict(name, *at)
                speedup = math.exp(float(law.log_speedup(name, *at)))
                yield f"advised speedup, {place}", found.speedup, speedup
                true = float(law.loss(name, *at)) - baseline
                yield f"advised loss difference, {place}", found.difference, true

    return trial


def _evidence(losses_P: np.ndarray) -> Evidence:
    """Made-up losses as `advise` reads them."""
    losses = {
        (name, f"{n:g}", d / (20 * n)): [float(loss)]
        for (name, n, d), loss in zip(POINTS, losses_P, strict=True)
    }
    return seen(losses, {f"{n:g}": n for _, n, _ in POINTS}, NOISE)


def setting(slope: float) -> Trial:
    """A hyperparameter tuned on a grid of factors of two at twelve cells, asked for at a larger."""
    n_P = np.repeat([1.3e8, 3.0e8, 5.4e8], 4)
    d_P = 20 * n_P * np.tile([1.0, 2.0, 4.0, 8.0], 3)
    own = 0.25

    def true(n: float | np.ndarray, d: float | np.ndarray) -> np.ndarray:
        return np.asarray(math.log(0.006) - slope * np.log(n / 3e8) - slope / 2 * np.log(d / 2e10))

    def trial(generator: np.random.Generator) -> Iterator[Counted]:
        optimum_P = true(n_P, d_P) + generator.normal(0, own, n_P.size)
        grid_P = 0.001 * 2.0 ** np.round((optimum_P - math.log(0.001)) / math.log(2))
        law = fit_setting_law(n_P, d_P, grid_P, feasible=Feasible())
        for place, n in (("within", 3.0e8), ("2.2 times the largest size", 1.2e9)):
            d = 20 * 4 * n
            value, low, high = law.predict(n, d)
            wanted = math.exp(float(true(n, d)) + generator.normal(0, own))
            yield f"hyperparameter, {place}", Estimate(value=value, low=low, high=high), wanted

    return trial


def designs() -> dict[str, Trial]:
    """What is counted, by what it is."""
    two, sizes = (1.0, 2.0), ("65k", "262k")
    three, four = (1.0, 2.0, 4.0), (1.0, 2.0, 4.0, 8.0)
    unseeded = MadeUp(("262k",), four, 1, own=0.01, shared=0.0)
    paired = MadeUp(("262k",), four, 1, own=0.006, shared=0.008)
    return {
        "2 sizes, 3 ratios, 3 seeds": report(MadeUp(sizes, three, 3)),
        "1 size, 4 ratios, 2 seeds": report(MadeUp(sizes[1:], four, 2)),
        "1 size, 2 ratios, 2 seeds": report(MadeUp(sizes[1:], two, 2)),
        "no seeds, assumed noise right": report(unseeded, 0.01),
        "no seeds, assumed noise right, part of it shared": report(paired, 0.01),
        "no seeds, assumed noise half": report(unseeded, 0.005),
        "no seeds, assumed noise double": report(unseeded, 0.02),
        "3 sizes, 3 ratios, 3 seeds; size matters": crossing("size"),
        "3 sizes, 3 ratios, 3 seeds; data matter": crossing("ratio"),
        "joint law true": prediction(0.0),
        "joint law off by 0.004": prediction(0.004),
        "optimum constant": setting(0.0),
        "optimum falls slowly": setting(0.15),
        "optimum falls fast": setting(0.5),
    }


def run(studies: int = 300, only: str = "") -> None:
    """Print one line per kind of interval and design."""
    for name, trial in designs().items():
        if only not in name:
            continue
        generator = np.random.default_rng([0, zlib.crc32(name.encode())])
        counted: dict[str, list[tuple[bool, bool]]] = defaultdict(list)
        for _ in range(studies):
            for kind, interval, truth in trial(generator):
                if interval.value is None and interval.low is None and interval.high is None:
                    continue
                low = -math.inf if interval.low is None else interval.low
                high = math.inf if interval.high is None else interval.high
                counted[kind].append((low <= truth <= high, math.isinf(high - low)))
        for kind, each in counted.items():
            held, open_ends = np.mean(each, axis=0)
            print(f"| {name} | {kind} | {len(each)} | {100 * held:.1f}% | {100 * open_ends:.1f}% |")
        sys.stdout.flush()


if __name__ == "__main__":
    print("| design | interval | counted | holds the truth | open |\n|---|---|---|---|---|")
    run(*(int(argument) for argument in sys.argv[1:2]), *sys.argv[2:3])
