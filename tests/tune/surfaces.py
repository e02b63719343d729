"""Analytic loss surfaces whose optima are known: laws of scale, valleys, noise, and cliffs."""

import math
import random

import msgspec

from bestiary.specs import (
    Candidate,
    Cell,
    Configuration,
    DataSpec,
    Feasible,
    ModelSpec,
    Phases,
    Planned,
    RunResult,
    Study,
    Tuning,
    run_id,
)
from bestiary.tune import Planner

WIDTHS = {"tiny": 16, "small": 32, "middle": 64, "large": 128}
RATE = Feasible(low_open=True)


def model(width: int) -> ModelSpec:
    return ModelSpec(
        layers=2,
        hidden=width,
        intermediate=2 * width,
        heads=1,
        key_value_heads=1,
        context=16,
        vocabulary=64,
    )


SIZES = {name: model(width) for name, width in WIDTHS.items()}


class Surface(msgspec.Struct, frozen=True, kw_only=True):
    """A quadratic in logs around an optimum that follows power laws of scale.

    Attributes:
        rate: The best learning rate at the smallest cell.
        by_size: Exponent of the rate in N.
        by_tokens: Exponent of the rate in D.
        decay: The best weight decay, the same everywhere.
        curvature: How much a factor of two costs, in nats.
        coupling: How much the valley of rate and decay is turned, from -1 to 1.
        noise: Standard deviation between seeds, in nats.
        cliff: Rates above the best by this factor diverge.
        seed: Of the noise.
    """

    rate: float = 0.01
    by_size: float = 0.0
    by_tokens: float = 0.0
    decay: float = 0.1
    curvature: float = 0.05
    coupling: float = 0.0
    noise: float = 0.0
    cliff: float = 6.0
    seed: int = 0

    def best_rate(self, cell: Cell) -> float:
        """The best learning rate of a cell."""
        least = SIZES["tiny"].matrix_parameters
        size = SIZES[cell.size].matrix_parameters
        tokens = cell.ratio * size / least
        return self.rate * (size / least) ** self.by_size * tokens**self.by_tokens

    def excess(self, values: Configuration, cell: Cell) -> float:
        """What a configuration is worse than the best of its cell."""
        x = math.log2(float(values["learning_rate"]) / self.best_rate(cell))
        y = math.log2(float(values["weight_decay"]) / self.decay)
        beta = 0.02 if values.get("beta2", 0.95) == 0.9 else 0.0
        return self.curvature * (x * x + y * y + 2 * self.coupling * x * y) + beta

    def result(self, planned: Planned) -> RunResult:
        """What training would give."""
        values, identity = planned.configuration, run_id(planned.run)
        least = 3 - 0.1 * math.log(SIZES[planned.cell.size].matrix_parameters)
        loss = least - 0.1 * math.log(planned.cell.ratio) + self.excess(values, planned.cell)
        noise = random.Random(f"{self.seed} {identity}").gauss(0, self.noise)
        plain = {"run_id": identity, "tokens": planned.run.tokens, "seconds": 1.0}
        if float(values["learning_rate"]) > self.cliff * self.best_rate(planned.cell):
            return RunResult(state="diverged", **plain)
        losses = {"selection": loss + noise, "report": loss - noise}
        return RunResult(state="done", loss=losses, **plain)


def entered(name: str = "adamw", start: float = 0.008) -> Candidate:
    return Candidate(
        name=name,
        label=name.title(),
        family="scalar",
        start={
            "learning_rate": start,
            "weight_decay": 0.1,
            "beta2": 0.95,
            "warmup_fraction": 0.1,
        },
        grid={
            "learning_rate": (0.004, 0.008, 0.016),
            "weight_decay": (0.05, 0.1, 0.2),
            "beta2": (0.9, 0.95),
        },
        ranges={"learning_rate": RATE},
    )


def cells(*pairs: tuple[str, float]) -> tuple[Cell, ...]:
    return tuple(Cell(size=size, ratio=ratio) for size, ratio in pairs)


TUNED = cells(("tiny", 1.0), ("tiny", 2.0), ("tiny", 4.0), ("small", 1.0), ("middle", 1.0))
FOLLOWED = cells(("small", 2.0), ("middle", 4.0))
PREDICTED = cells(("large", 1.0), ("large", 4.0))


def phased(
    phases: Phases | None = None,
    *,
    names: tuple[str, ...] = ("adamw",),
    runs_per_cell: int = 60,
    seeds: tuple[int, ...] = (1, 2, 3),
    start: float = 0.008,
) -> Study:
    return Study(
        name="phased",
        question="which?",
        baseline=names[0],
        candidates=tuple(entered(name, start) for name in names),
        sizes=SIZES,
        ratios=(1.0, 2.0, 4.0),
        data=DataSpec(name="text", digest="0" * 64),
        batch_size=2,
        tuning=Tuning(cells=TUNED, runs_per_cell=runs_per_cell),
        seeds=seeds,
        evaluations=1,
        phases=phases or Phases(followed=FOLLOWED, predicted=PREDICTED, freezing="shown"),
    )


def answered(
    study: Study, surfaces: dict[str, Surface], pick: random.Random | None = None
) -> tuple[Planner, list[Planned]]:
    """Go through a study without training; results come in any order that `pick` draws."""
    planner, order = Planner(study, {}), []
    while waiting := list(planner.waiting()):
        one = pick.choice(waiting) if pick else waiting[0]
        assert one.run_id not in planner.results, "a finished run is never asked for again"
        order.append(one.planned)
        planner.take(surfaces[one.planned.optimizer].result(one.planned))
    return planner, order
