"""How long an analysis of a hundred thousand results takes, and what it needs of memory.

The study is made up: many sizes, ratios and optimizers, thousands of tuning runs for each of them,
and reported runs with evaluations and curves. Results are plain records, as a store returns them.
"""

import math
import resource
import sys
import time
from typing import Any

import numpy as np

from bestiary.analysis import analyse
from bestiary.specs import (
    SIZES,
    Candidate,
    Cell,
    Configuration,
    DataSpec,
    Evaluation,
    OptimizerSpec,
    Planned,
    RunResult,
    RunSpec,
    ScheduleSpec,
    Study,
    TrainPoint,
    Tuning,
    run_id,
)

NAMES = ("adamw", "nadamw", "lion", "mars", "cautious", "muon", "scion", "kron", "soap", "sophia")
LADDER = ("16k", "65k", "262k", "1m", "4m")
RATIOS = (1.0, 2.0, 4.0, 8.0)
SEEDS = (1, 2, 3)
TUNED = {
    "learning_rate": [1e-3 * 2**k for k in range(12)],
    "weight_decay": [0.02 * k for k in range(12)],
    "beta2": [0.9 + 0.008 * k for k in range(12)],
}
START: Configuration = {"learning_rate": 0.004, "weight_decay": 0.1, "beta2": 0.95}


def run(results: int = 100_000) -> list[dict[str, Any]]:
    """One row: the time of `analyse`, and its parts by what was given."""
    study = _study()
    planned, found = _runs(study, results)
    began = time.perf_counter()
    analysis = analyse(study, planned, found)
    seconds = time.perf_counter() - began
    return [
        {
            "benchmark": "analysis_scale",
            "case": f"{len(found)} results, {len(analysis.rows)} rows, 2000 draws",
            "seconds": seconds,
            "peak_MiB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
    ]


def _study() -> Study:
    """Ten optimizers at twenty cells, all tuned."""
    cells = tuple(Cell(size=size, ratio=ratio) for size in LADDER for ratio in RATIOS)
    return Study(
        name="scale",
        question="How long does it take?",
        candidates=tuple(
            Candidate(
                name=name,
                label=name,
                family="scalar",
                start=START,
                grid={key: tuple(values) for key, values in TUNED.items()},
            )
            for name in NAMES
        ),
        sizes={size: SIZES[size] for size in LADDER},
        ratios=RATIOS,
        data=DataSpec(name="made up", digest="ab" * 32),
        batch_size=16,
        tuning=Tuning(cells=cells, runs_per_cell=1_000_000),
        seeds=SEEDS,
    )


def _runs(study: Study, results: int) -> tuple[list[Planned], dict[str, RunResult]]:
    """Planned runs and results: tuning runs at random settings, then the winners on every seed."""
    generator = np.random.default_rng(0)
    planned, found = [], {}
    reported = len(study.cells) * len(NAMES) * len(SEEDS)
    each = math.ceil((results - reported) / (len(study.cells) * len(NAMES)))
    for cell in study.cells:
        for index, name in enumerate(NAMES):
            for number in range(each + len(SEEDS)):
                tune = number < each
                configuration: Configuration = dict(START)
                if tune:
                    for key, values in TUNED.items():
                        configuration[key] = float(values[generator.integers(len(values))])
                    configuration["epsilon"] = 1e-8 * (1 + number)
                seed = 0 if tune else SEEDS[number - each]
                one = _planned(study, name, cell, configuration, seed)
                loss = 0.5 * (cell.ratio * (1 + 0.05 * index)) ** -0.45 + 1.2
                result = _result(one, loss + generator.normal(0, 0.004) + 0.01 * tune)
                planned.append(one)
                found[result.run_id] = result
    return planned, found


def _planned(
    study: Study, name: str, cell: Cell, configuration: Configuration, seed: int
) -> Planned:
    model = study.sizes[cell.size]
    run = RunSpec(
        model=model,
        data=study.data,
        optimizer=OptimizerSpec(name=name, settings=configuration),
        schedule=ScheduleSpec(),
        batch_size=16,
        steps=model.steps(cell.ratio, 16),
        seed=seed,
    )
    return Planned(
        run=run,
        optimizer=name,
        cell=cell,
        purpose="report" if seed else "tune",
        configuration=configuration,
    )


def _result(planned: Planned, loss: float) -> RunResult:
    """A finished run; only a reported one has a curve worth keeping."""
    steps, tokens = planned.run.steps, planned.run.tokens
    marks = range(1, 9) if planned.purpose == "report" else range(8, 9)
    points = 300 if planned.purpose == "report" else 0
    return RunResult(
        run_id=run_id(planned.run),
        state="done",
        loss={"selection": loss, "report": loss},
        bits_per_byte={"selection": loss / math.log(2), "report": loss / math.log(2)},
        evaluations=tuple(
            Evaluation(
                step=max(1, steps * mark // 8),
                tokens=tokens * mark // 8,
                loss={"selection": loss + 0.1 * (8 - mark), "report": loss + 0.1 * (8 - mark)},
            )
            for mark in marks
        ),
        curve=tuple(TrainPoint(step=point + 1, loss=loss) for point in range(points)),
        last_step=steps,
        tokens=tokens,
        seconds=steps * 0.01,
        step_seconds=0.01,
        state_bytes=8 * planned.run.model.parameters,
        environment={"machine": "made up"},
    )


if __name__ == "__main__":
    for row in run(*(int(argument) for argument in sys.argv[1:])):
        print(row)
