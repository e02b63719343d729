"""What the rules that freeze hyperparameters after phase I cost, on made-up studies.

A study is the ladder of `laptop` at its first two sizes, for one optimizer whose loss is a
quadratic in the logs of learning rate and 1 - beta1, and a step in weight decay. Where optima move,
the rate's falls as N^-0.35 D^-0.2 and that of 1 - beta1 rises a little. The cost is what the chosen
configuration truly lies above the best of its cell; half a step of the grid is in all of it.
"""

import math
import random
import statistics
from typing import Any

import msgspec

from bestiary.specs import (
    SIZES,
    Candidate,
    Cell,
    Configuration,
    DataSpec,
    Feasible,
    Phases,
    Setting,
    Study,
    Tuning,
)
from bestiary.specs import RunResult as Result
from bestiary.tune import Identified, Planner

STUDIES = 100
# The noise of a run at 8k and at 33k, in nats: none, the study's of small and large runs, laptop's.
NOISE = ((0.0, 0.0), (7.6e-4, 7.6e-4), (0.003, 0.003), (0.027, 0.009), (0.027, 0.027))
RULES = ("near-optimal", "shown", "all followed")
# Coordinates of which nothing depends, beside the three that matter: the descent has to pass them.
IDLE = 7


def run() -> list[dict[str, Any]]:
    """A row for every rule, noise, and number of coordinates, with optima that move or do not."""
    return [
        _row(rule, noise, moves=moves, idle=idle)
        for idle in (0, IDLE)
        for moves in (False, True)
        for noise in NOISE
        for rule in RULES
    ]


def _row(
    rule: str, noise: tuple[float, float], *, moves: bool, idle: int, studies: int = STUDIES
) -> dict[str, Any]:
    question = study(rule, idle)
    draws = (MadeUp.drawn(random.Random(number), noise, moves=moves) for number in range(studies))
    found = [gone_through(question, one) for one in draws]
    costs = [one.followed for one in found]
    return {
        "benchmark": "freezing",
        "coordinates": 3 + idle,
        "optima": "move" if moves else "stay",
        "noise at 8k": noise[0],
        "at 33k": noise[1],
        "rule": rule,
        "II, nats": statistics.mean(costs),
        "+-": statistics.stdev(costs) / math.sqrt(studies),
        "II, runs a cell": statistics.mean(one.followed_runs for one in found),
        "III, nats": statistics.mean(one.predicted for one in found),
        "III, runs a cell": statistics.mean(one.predicted_runs for one in found),
    }


class Cost(msgspec.Struct):
    """What a study ended with in its later phases: nats above the best, and runs a cell."""

    followed: float
    followed_runs: float
    predicted: float
    predicted_runs: float


class MadeUp(msgspec.Struct, frozen=True, kw_only=True):
    """A loss whose optimum is known at every scale.

    Attributes:
        rate: The best learning rate at 8k 1x, and by octaves of N and D what is added to its log2.
        by_size: See rate.
        by_tokens: See rate.
        curvature: What a factor of two of the rate costs, in nats.
        average: The best log2 of (1 - beta1) / 0.2 at 8k 1x, and what an octave of D adds.
        average_by_tokens: See average.
        average_curvature: What a factor of two of 1 - beta1 costs, in nats.
        decay: What no weight decay costs, in nats.
        noise: Between seeds, by size, in nats.
        seed: Of the noise.
    """

    rate: float
    by_size: float
    by_tokens: float
    curvature: float
    average: float
    average_by_tokens: float
    average_curvature: float
    decay: float
    noise: dict[str, float]
    seed: float

    @classmethod
    def drawn(cls, draw: random.Random, noise: tuple[float, float], *, moves: bool) -> "MadeUp":
        """One of many, with curvatures as `laptop` has them."""
        return cls(
            rate=0.02 * 2 ** draw.uniform(-0.5, 0.5),
            by_size=-0.35 * moves,
            by_tokens=-0.2 * moves,
            curvature=math.exp(draw.uniform(math.log(0.015), math.log(0.05))),
            average=draw.uniform(-0.5, 0.5),
            average_by_tokens=0.17 * moves,
            average_curvature=draw.choice([0.0, 0.01, 0.03]),
            decay=draw.choice([0.0, 0.02, 0.04]),
            noise=dict(zip(("8k", "33k"), noise, strict=True)),
            seed=draw.random(),
        )

    def excess(self, values: Configuration, cell: Cell) -> float:
        """What a configuration is worse than the best of its cell, in nats."""
        least = SIZES["8k"].matrix_parameters
        size = math.log2(SIZES[cell.size].matrix_parameters / least)
        tokens = size + math.log2(cell.ratio)
        rate = math.log2(float(values["learning_rate"]) / self.rate)
        rate -= self.by_size * size + self.by_tokens * tokens
        average = math.log2((1 - float(values["beta1"])) / 0.2)
        average -= self.average + self.average_by_tokens * tokens
        return (
            self.curvature * min(rate**2, 20.0)
            + self.average_curvature * average**2
            + (0.0 if values["weight_decay"] else self.decay)
        )

    def result(self, one: Identified) -> Result:
        """What training would give."""
        cell, planned = one.planned.cell, one.planned
        noise = random.Random(f"{self.seed} {one.run_id}").gauss(0, self.noise[cell.size])
        loss = 2 + self.excess(planned.configuration, cell) + noise
        return Result(
            run_id=one.run_id,
            state="done",
            tokens=planned.run.tokens,
            seconds=1.0,
            loss={"selection": loss, "report": loss},
        )


def study(rule: str, idle: int = 0) -> Study:
    """The question, by a rule; with more coordinates phase I has the paper's 40 runs a cell."""
    grid: dict[str, tuple[Setting, ...]] = {
        "learning_rate": (0.008, 0.016, 0.032),
        "beta1": (0.6, 0.8, 0.9),
        "weight_decay": (0.0, 0.1),
        **{f"idle {number}": (0.25, 0.5, 1.0) for number in range(idle)},
    }
    start: Configuration = {name: row[1] for name, row in grid.items()}
    who = Candidate(
        name="adamw",
        label="AdamW",
        family="scalar",
        start=start | {"warmup_fraction": 0.1},
        grid=grid,
        ranges={"learning_rate": Feasible(low_open=True)},
    )
    tuned = (*(Cell(size="8k", ratio=2.0**power) for power in range(4)), Cell(size="33k", ratio=1))
    return Study(
        name="made up",
        question="What does freezing cost?",
        candidates=(who,),
        sizes={name: SIZES[name] for name in ("8k", "33k")},
        ratios=(1.0, 2.0, 4.0, 8.0),
        data=DataSpec(name="made up", digest="0" * 64),
        batch_size=16,
        tuning=Tuning(cells=tuned, runs_per_cell=40 if idle else 12),
        seeds=(1, 2, 3, 4),
        evaluations=1,
        phases=Phases(
            followed=tuple(Cell(size="33k", ratio=ratio) for ratio in (2.0, 4.0)),
            predicted=(Cell(size="33k", ratio=8.0),),
            followed_runs=8,
            confirming_runs=5,
            freezing="near-optimal" if rule == "near-optimal" else "shown",
            grids={"adamw": grid} if rule == "all followed" else {},
        ),
    )


def gone_through(question: Study, surface: MadeUp) -> Cost:
    """Carry a study out without training."""
    planner = Planner(question, {})
    while waiting := list(planner.waiting()):
        for one in waiting:
            planner.take(surface.result(one))
    assert isinstance(question.phases, Phases)
    followed = _cost(planner, surface, question.phases.followed)
    predicted = _cost(planner, surface, question.phases.predicted)
    return Cost(*followed, *predicted)


def _cost(planner: Planner, surface: MadeUp, cells: tuple[Cell, ...]) -> tuple[float, float]:
    tunings = [planner.campaigns["adamw"].tunings[cell] for cell in cells]
    winners = [one.winner.planned for one in tunings if one.winner is not None]
    return (
        statistics.mean(surface.excess(one.configuration, one.cell) for one in winners),
        statistics.mean(len(one.trials) for one in tunings),
    )
