"""A small study, and a way to answer it without training."""

import math
import random
from collections.abc import Callable

from bestiary.specs import (
    Candidate,
    Cell,
    DataSpec,
    ModelSpec,
    Planned,
    RunResult,
    RunSpec,
    Study,
    Tuning,
    run_id,
)

SMALL = ModelSpec(
    layers=2, hidden=16, intermediate=64, heads=1, key_value_heads=1, context=32, vocabulary=256
)
LARGE = ModelSpec(
    layers=4, hidden=32, intermediate=128, heads=1, key_value_heads=1, context=32, vocabulary=256
)
OPTIMUM = {"adamw": 0.016, "muon": 0.064, "soap": 0.004}


def candidate(name: str) -> Candidate:
    return Candidate(
        name=name,
        label=name.title(),
        family="scalar",
        start={"learning_rate": 0.008, "beta1": 0.9, "warmup_fraction": 0.1},
        grid={"learning_rate": (0.004, 0.008, 0.016), "beta1": (0.9, 0.95)},
    )


def study(runs_per_cell: int = 20, seeds: tuple[int, ...] = (1, 2)) -> Study:
    return Study(
        name="test",
        question="which?",
        candidates=tuple(candidate(name) for name in OPTIMUM),
        sizes={"small": SMALL, "large": LARGE},
        ratios=(1.0, 2.0),
        data=DataSpec(name="text", digest="0" * 64),
        batch_size=4,
        tuning=Tuning(
            cells=(Cell(size="small", ratio=1.0), Cell(size="large", ratio=1.0)),
            runs_per_cell=runs_per_cell,
        ),
        seeds=seeds,
        evaluations=4,
    )


def outcome(run: RunSpec) -> RunResult:
    """A loss with a known optimum, seed noise, and a cliff of divergence."""
    values = run.optimizer.settings
    off = math.log2(float(values["learning_rate"]) / OPTIMUM[run.optimizer.name])
    noise = random.Random(run_id(run)).gauss(0, 1e-4)
    loss = 2 + 0.1 * off**2 + (values["beta1"] != 0.95) * 0.05 + noise
    plain = {"run_id": run_id(run), "tokens": run.tokens}
    plain |= {"seconds": 2.0, "compile_seconds": 0.5}
    if off > 2.5:
        return RunResult(state="diverged", last_finite_loss=9.0, **plain)
    return RunResult(state="done", loss={"selection": loss, "report": loss + 0.01}, **plain)


def trained(planned: Planned) -> RunResult:
    return outcome(planned.run)


def answer(
    question: Study,
    pick: Callable[[list[Planned]], int] = lambda _: 0,
    results: dict[str, RunResult] | None = None,
) -> tuple[dict[str, RunResult], list[Planned]]:
    """Run the study to its end, one run at a time, chosen by `pick` among those needed."""
    from bestiary.tune import needed  # here, as workers import this file, which do not plan

    results = dict(results or {})
    order = []
    while waiting := needed(question, results):
        planned = waiting[pick(waiting)]
        order.append(planned)
        results[run_id(planned.run)] = trained(planned)
    return results, order
