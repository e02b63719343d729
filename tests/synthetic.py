"""A made-up study with known truth, without training, and what comes of it.

True losses follow L(D) = a D^-B + b per size; an optimizer of speedup S has the loss that the
baseline has at ratio S D. Every seed has an effect shared by all optimizers of a cell and its own.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from bestiary.answers.report import Analysis, analyse
from bestiary.evidence import Evidence, own_evidence
from bestiary.measures import Measures
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

LAW = {"16k": (0.55, 0.6, 1.20), "65k": (0.52, 0.55, 1.08), "262k": (0.5, 0.5, 0.98)}
SPEEDUP = {"adamw": 1.0, "muon": 1.45, "soap": 1.25}
STEP_SECONDS = {"adamw": 0.010, "muon": 0.011, "soap": 0.014}
BEST_RATE = {"adamw": 0.008, "muon": 0.016, "soap": 0.008}
RATES = (0.002, 0.004, 0.008, 0.016, 0.032)
ENVIRONMENT = {"python": "3.11.9", "jax": "0.10.2", "machine": "x86_64, 2 cores", "device": "cpu"}


def candidate(name: str) -> Candidate:
    """A candidate with two tuned coordinates."""
    return Candidate(
        name=name,
        label={"adamw": "AdamW", "muon": "Muon", "soap": "SOAP"}[name],
        family="scalar" if name == "adamw" else "matrix",
        start={"learning_rate": 0.004, "weight_decay": 0.1, "warmup_fraction": 0.1},
        grid={"learning_rate": RATES, "weight_decay": (0.0, 0.1)},
    )


def synthetic_study(
    sizes: tuple[str, ...] = ("16k", "65k"),
    ratios: tuple[float, ...] = (1.0, 2.0, 4.0),
    seeds: tuple[int, ...] = (1, 2, 3),
    names: tuple[str, ...] = ("adamw", "muon", "soap"),
) -> Study:
    """The study; it tunes every size at the smallest ratio and inherits elsewhere."""
    return Study(
        name="synthetic",
        question="Which optimizer needs the fewest tokens for the same loss?",
        candidates=tuple(candidate(name) for name in names),
        sizes={size: SIZES[size] for size in sizes},
        ratios=ratios,
        data=DataSpec(name="synthetic", digest="ab" * 32),
        batch_size=16,
        tuning=Tuning(
            cells=tuple(Cell(size=size, ratio=ratios[0]) for size in sizes), runs_per_cell=8
        ),
        seeds=seeds,
    )


def true_loss(size: str, ratio: float, optimizer: str) -> float:
    """The loss without noise at the best configuration."""
    a, exponent, b = LAW[size]
    return a * (ratio * SPEEDUP[optimizer]) ** -exponent + b


def planned_runs(study: Study) -> list[Planned]:
    """Every rate at the tuned cells, the other weight decay at the best rate, then the reports."""
    tuning = [
        plan(study, one.name, cell, configuration, study.tuning.seed, "tune")
        for cell in study.tuning.cells
        for one in study.candidates
        for configuration in tried(one)
    ]
    reports = [
        plan(study, one.name, cell, best(one), seed, "report")
        for cell in study.cells
        for one in study.candidates
        for seed in study.seeds
    ]
    return tuning + reports


def tried(one: Candidate) -> list[Configuration]:
    """The configurations of a tuning, in order."""
    rates = [{**one.start, "learning_rate": rate} for rate in RATES]
    return [*rates, {**best(one), "weight_decay": 0.0}]


def best(one: Candidate) -> Configuration:
    """The configuration that tuning finds."""
    return {**one.start, "learning_rate": BEST_RATE[one.name]}


def plan(
    study: Study, name: str, cell: Cell, configuration: Configuration, seed: int, purpose: str
) -> Planned:
    """One planned run."""
    model = study.sizes[cell.size]
    steps = model.steps(cell.ratio, study.batch_size)
    settings = {k: v for k, v in configuration.items() if k != "warmup_fraction"}
    run = RunSpec(
        model=model,
        data=study.data,
        optimizer=OptimizerSpec(name=name, settings=settings),
        schedule=ScheduleSpec(warmup_steps=0.1 * steps),
        batch_size=study.batch_size,
        steps=steps,
        seed=seed,
        evaluate_every=max(1, steps // 8) if purpose == "report" else 0,
    )
    return Planned(run=run, optimizer=name, cell=cell, purpose=purpose, configuration=configuration)


def noise(
    study: Study, shared: float, own: float, generator: np.random.Generator
) -> dict[tuple[str, str, float, int], float]:
    """One noise value for every optimizer, size, ratio and seed; part of it shared."""
    values = {}
    for cell in study.cells:
        for seed in (*study.seeds, study.tuning.seed):
            effect = generator.normal(0, shared)
            for one in study.candidates:
                values[one.name, cell.size, cell.ratio, seed] = effect + generator.normal(0, own)
    return values


def result_of(planned: Planned, noise_nats: float) -> RunResult:
    """The outcome of a planned run: a parabola in log rate around the best, a cliff at 4 times."""
    run, name, cell = planned.run, planned.optimizer, planned.cell
    rate, decay = planned.configuration["learning_rate"], planned.configuration["weight_decay"]
    octaves = math.log2(float(rate) / BEST_RATE[name])
    if octaves > 1.5:
        return RunResult(
            run_id=run_id(run),
            state="diverged",
            last_step=run.steps // 3,
            last_finite_loss=4.2,
            tokens=run.tokens // 3,
            seconds=STEP_SECONDS[name] * run.steps / 3,
            environment=ENVIRONMENT,
        )
    penalty = 0.02 * octaves**2 + (0.01 if decay == 0 else 0.0)
    final = true_loss(cell.size, cell.ratio, name) + penalty + noise_nats
    return done(run, name, final)


def done(run: RunSpec, name: str, final: float) -> RunResult:
    """A finished run that ends at `final` on the report split."""
    marks = [round(run.steps * share / 8) for share in range(1, 9)]
    thin = sorted({round(run.steps * share / 100) for share in range(1, 101)} - {0})
    seconds = STEP_SECONDS[name] * (1 + 0.02 * ((run.seed * 7919) % 5 - 2) / 2)
    return RunResult(
        run_id=run_id(run),
        state="done",
        loss={"selection": final + 0.01, "report": final},
        bits_per_byte={"selection": (final + 0.01) / math.log(2), "report": final / math.log(2)},
        evaluations=tuple(
            Evaluation(
                step=step,
                tokens=step * run.batch_size * run.model.context,
                loss={"selection": height + 0.01, "report": height},
            )
            for step in marks
            for height in [curve(step / run.steps, final)]
        ),
        curve=tuple(TrainPoint(step=step, loss=curve(step / run.steps, final)) for step in thin),
        last_step=run.steps,
        tokens=run.tokens,
        seconds=seconds * run.steps,
        compile_seconds=2.0,
        step_seconds=seconds,
        state_bytes=run.model.parameters * (8 if name == "adamw" else 4),
        environment=ENVIRONMENT,
    )


def curve(progress: float, final: float) -> float:
    """A loss curve from a byte model's first loss down to `final`."""
    return final + (math.log(256) - final) * (1 - progress) ** 2 * math.exp(-6 * progress)


def synthetic_results(
    study: Study, shared: float = 0.01, own: float = 0.004, random_seed: int = 0
) -> tuple[list[Planned], dict[str, RunResult]]:
    """Planned runs and their results; the same arguments give the same numbers."""
    planned = planned_runs(study)
    values = noise(study, shared, own, np.random.default_rng(random_seed))
    results = [
        result_of(one, values[one.optimizer, one.cell.size, one.cell.ratio, one.run.seed])
        for one in planned
    ]
    return planned, {result.run_id: result for result in results}


def evidence_of(
    study: Study, planned: Iterable[Planned], results: Mapping[str, RunResult], **more: object
) -> Evidence:
    """What a study saw, from its runs in the order of planning."""
    runs = {run_id(one.run): one for one in planned}
    return own_evidence(study, runs, results, **more)  # type: ignore[arg-type]


def measured(
    study: Study,
    planned: Iterable[Planned],
    results: Mapping[str, RunResult],
    *,
    draws: int = 400,
    **more: object,
) -> Measures:
    """The same, measured."""
    return Measures(evidence_of(study, planned, results, **more), draws)


def analysed(
    study: Study,
    planned: Iterable[Planned],
    results: Mapping[str, RunResult],
    *,
    draws: int = 400,
    **more: object,
) -> Analysis:
    """The same, as a report shows it."""
    return analyse(evidence_of(study, planned, results, **more), draws=draws)
