"""A made-up study of known truth: sizes, ratios, seeds and noise as told, without any training."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from bestiary.evidence import (
    Contender,
    Evidence,
    Key,
    Observation,
    SeedRun,
    noise_by_size,
    set_apart,
    stated_noise,
)
from bestiary.specs import (
    SIZES,
    Candidate,
    Cell,
    DataSpec,
    OptimizerSpec,
    Planned,
    RunResult,
    RunSpec,
    ScheduleSpec,
    Study,
    Tuning,
    run_id,
)

# True laws (a, B, b) of the baseline, and seconds per step over the baseline's.
LAWS = {"65k": (0.52, 0.55, 1.08), "262k": (0.50, 0.45, 0.98), "1m": (0.46, 0.40, 0.90)}
STEP_TIMES = {"adamw": 1.0, "muon": 1.1, "soap": 1.4}
# Speedup of an optimizer at a size and ratio.
Speedup = Callable[[str, str, float], float]


def constant(name: str, size: str, ratio: float) -> float:
    """The same speedup everywhere."""
    return {"adamw": 1.0, "muon": 1.4, "soap": 1.0}[name]


@dataclass(frozen=True)
class MadeUp:
    """One design of study.

    Attributes:
        sizes: Names of `LAWS`.
        ratios: Ratios of every optimizer.
        seeds: Seeds of every cell.
        own: Standard deviation of own noise, in nats.
        shared: Standard deviation of shared noise.
        clock: Standard deviation of log seconds per token between runs.
        speedup: The truth.
    """

    sizes: tuple[str, ...]
    ratios: tuple[float, ...]
    seeds: int
    own: float = 0.004
    shared: float = 0.01
    clock: float = 0.03
    speedup: Speedup = constant

    @property
    def study(self) -> Study:
        """The question; nothing of it was tuned."""
        cells = tuple(Cell(size=size, ratio=self.ratios[0]) for size in self.sizes)
        return Study(
            name="made up",
            question="Do intervals hold the truth?",
            candidates=tuple(
                Candidate(
                    name=name,
                    label=name,
                    family="matrix",
                    start={"learning_rate": 0.004},
                    grid={"learning_rate": (0.002, 0.004, 0.008)},
                )
                for name in STEP_TIMES
            ),
            sizes={size: SIZES[size] for size in self.sizes},
            ratios=self.ratios,
            data=DataSpec(name="made up", digest="ab" * 32),
            batch_size=16,
            tuning=Tuning(cells=cells, runs_per_cell=1),
            seeds=tuple(range(1, self.seeds + 1)),
        )

    def loss(self, name: str, size: str, ratio: float) -> float:
        """The true loss."""
        a, exponent, b = LAWS[size]
        return a * (ratio * self.speedup(name, size, ratio)) ** -exponent + b

    def planned(self) -> list[Planned]:
        """The reported runs."""
        study = self.study
        return [
            _planned(study, name, cell, seed)
            for cell in study.cells
            for name in STEP_TIMES
            for seed in study.seeds
        ]

    def results(
        self, planned: list[Planned], generator: np.random.Generator
    ) -> dict[str, RunResult]:
        """One study's results, with fresh noise."""
        luck: dict[tuple[Cell, int], float] = {}
        found = {}
        for one in planned:
            place = (one.cell, one.run.seed)
            luck.setdefault(place, generator.normal(0, self.shared))
            true = self.loss(one.optimizer, one.cell.size, one.cell.ratio)
            step = STEP_TIMES[one.optimizer] * math.exp(generator.normal(0, self.clock))
            result = RunResult(
                run_id=run_id(one.run),
                state="done",
                loss={"report": true + luck[place] + generator.normal(0, self.own)},
                step_seconds=0.01 * step,
            )
            found[result.run_id] = result
        return found


def _planned(study: Study, name: str, cell: Cell, seed: int) -> Planned:
    """One reported run."""
    model = study.sizes[cell.size]
    run = RunSpec(
        model=model,
        data=study.data,
        optimizer=OptimizerSpec(name=name, settings={"learning_rate": 0.004}),
        schedule=ScheduleSpec(),
        batch_size=16,
        steps=model.steps(cell.ratio, 16),
        seed=seed,
    )
    return Planned(
        run=run,
        optimizer=name,
        cell=cell,
        purpose="report",
        configuration={"learning_rate": 0.004},
    )


def seen(
    losses: Mapping[Key, Sequence[float]],
    sizes: Mapping[str, float],
    noise: float | None = None,
    tuning_luck: float = 0.0,
) -> Evidence:
    """Losses by seed as what an own study saw of them.

    Args:
        losses: By optimizer, size and ratio; the seeds are counted from 0.
        sizes: N by name.
        noise: Of one loss, where it is stated; measured on the seeds where it is not.
        tuning_luck: As of the evidence.
    """
    observations, _ = set_apart(
        [
            Observation(
                optimizer=name,
                size=size,
                parameters=sizes[size],
                ratio=ratio,
                tokens=20 * sizes[size] * ratio,
                runs=tuple(
                    SeedRun(seed=seed, state="done", loss=loss) for seed, loss in enumerate(found)
                ),
                full_length=True,
            )
            for (name, size, ratio), found in losses.items()
        ]
    )
    cells: dict[str, dict[float, list[tuple[str, int, float]]]] = {size: {} for size in sizes}
    for one in observations:
        cells[one.size].setdefault(one.ratio, []).extend(
            (one.optimizer, run.seed, run.loss)
            for run in one.done
            if run.seed is not None and run.loss is not None
        )
    known = stated_noise(noise or 0.01, "stated")
    runs = {size: own.values() for size, own in cells.items()}
    measured = noise_by_size(runs, lambda _: known)
    return Evidence(
        name="made up",
        kind="own study",
        baseline="adamw",
        contenders={name: Contender(label=name) for name, _, _ in losses},
        sizes=dict(sizes),
        observations=observations,
        noise=dict.fromkeys(sizes, known) if noise else measured,
        tuning_luck=tuning_luck,
    )
