"""A made-up analysis that shows everything a report can: open intervals, edges, divergence."""

import math

from bestiary.answers.report import Analysis, LossCurve, Row, SeedLoss
from bestiary.answers.report._analyse import indistinct
from bestiary.answers.report._curves import final_mean, running_mean
from bestiary.evidence import (
    Contender,
    Evidence,
    LossCourse,
    Observation,
    Provenance,
    SeedRun,
    noise_by_size,
    stated_noise,
)
from bestiary.measures import BaselineLaw, LawPoint, SensitivityPoint, Summary, midway
from bestiary.specs import SIZES, Cell, Estimate
from bestiary.tune import CellEffort, TuningEffort

NONE = Estimate(value=None, low=None, high=None)
GAIN = {"adamw": 1.0, "muon": 1.42, "soap": 1.27, "lion": 0.91}
LABEL = {"adamw": "AdamW", "muon": "Muon", "soap": "SOAP", "lion": "Lion"}
STEP = {"adamw": 1.0, "muon": 1.08, "soap": 1.31, "lion": 0.97}
SIZE_NAMES, RATIOS, SEEDS = ("16k", "65k"), (1.0, 2.0, 4.0), (1, 2, 3)
FLOOR = {"16k": 1.45, "65k": 1.2}
# What figures are drawn from, beside the rows.
FIGURED = ("curves", "sensitivity", "midway", "effort", "laws")
RATE = {"adamw": 0.016, "muon": 0.032, "soap": 0.016, "lion": 0.002}


def around(value: float, share: float) -> Estimate:
    """An estimate with a symmetric interval."""
    return Estimate(value=value, low=value * (1 - share), high=value * (1 + share))


def loss_at(size: str, ratio: float, name: str) -> float:
    return 0.45 * (ratio * GAIN[name]) ** -0.5 + FLOOR[size]


def luck(name: str, seed: int) -> float:
    """What a seed does to all optimizers, and to one alone."""
    return 0.01 * (seed - 2) + 0.002 * math.sin(7 * seed + len(name) + ord(name[0]))


def family(name: str) -> str:
    return "scalar" if name in ("adamw", "lion") else "matrix"


def row(name: str, size: str, ratio: float) -> Row:
    loss, baseline = loss_at(size, ratio, name), name == "adamw"
    gain = Estimate(
        value=GAIN[name] * (1 + 0.03 * math.log2(ratio)),
        low=GAIN[name] - 0.12,
        high=None if name == "soap" and ratio == 4 else GAIN[name] + 0.14,
        extrapolated=ratio == 4 and name != "lion",
    )
    clock = Estimate(value=gain.value / STEP[name], low=gain.low / STEP[name], high=gain.high)
    verdict = {"adamw": "baseline", "lion": "not distinguishable"}.get(name, "faster")
    return Row(
        optimizer=name,
        label=LABEL[name],
        family=family(name),
        size=size,
        ratio=ratio,
        parameters=SIZES[size].matrix_parameters,
        tokens=int(20 * SIZES[size].matrix_parameters * ratio),
        loss=around(loss, 0.006),
        loss_deviation=0.0121,
        seeds=tuple(
            SeedLoss(
                seed=seed,
                loss=loss + luck(name, seed),
                state="done",
                run_id=f"{seed}{name}{size}".encode().hex().ljust(64, "0"),
            )
            for seed in SEEDS
        ),
        pending=0,
        diverged=0,
        bits_per_byte=loss / math.log(2),
        configuration={"learning_rate": RATE[name], "weight_decay": 0.1},
        tuned=("learning_rate",),
        unbracketed=("learning_rate",) if name == "lion" else (),
        inherited_from=None if ratio == 1 else Cell(size=size, ratio=1.0),
        loss_difference=around(loss - loss_at(size, ratio, "adamw"), 0.2),
        token_speedup=around(1.0, 0.0) if baseline else gain,
        time_speedup=around(1.0, 0.0) if baseline else clock,
        step_time_ratio=around(STEP[name], 0.02),
        step_seconds=0.011 * STEP[name],
        state_bytes=SIZES[size].parameters * 8,
        verdict=verdict,
    )


def summary(name: str) -> Summary:
    return Summary(
        optimizer=name,
        label=LABEL[name],
        family=family(name),
        token_speedup=around(GAIN[name], 0.08),
        time_speedup=around(GAIN[name] / STEP[name], 0.09),
        step_time_ratio=around(STEP[name], 0.02),
        faster=0 if name == "lion" else 6,
        slower=0,
        undecided=6 if name == "lion" else 0,
    )


def law(size: str) -> BaselineLaw:
    points = [0.8 * 1.25**step for step in range(9)]
    return BaselineLaw(
        size=size,
        points=3,
        form="bounded, in logs, several starts.",
        a=around(0.45, 0.1),
        exponent=around(0.5, 0.2),
        b=around(FLOOR[size], 0.05),
        residual=0.0008,
        condition_number=220.0,
        curve=tuple(
            LawPoint(ratio=x, loss=y, low=y - 0.008, high=y + 0.008)
            for x in points
            for y in [loss_at(size, x, "adamw")]
        ),
        note="",
    )


def curve(name: str, size: str, ratio: float, seed: int) -> LossCurve:
    tokens = int(20 * SIZES[size].matrix_parameters * ratio)
    final = loss_at(size, ratio, name) + 0.008 * (seed - 2)

    def falling(share: float) -> float:
        rate = 12 if name == "soap" else 9
        return final + (5.55 - final) * math.exp(-rate * share) + 0.18 * (1 - share)

    shares = [step / 60 for step in range(1, 61)]
    marks = [step / 8 for step in range(1, 9)]
    losses = tuple(falling(s) + 0.03 * math.sin(37 * i + seed) for i, s in enumerate(shares))
    course = LossCourse(progress=tuple(share * tokens for share in shares), losses=losses)
    return LossCurve(
        run_id=f"{name}-{size}-{ratio}-{seed}",
        optimizer=name,
        label=LABEL[name],
        size=size,
        ratio=ratio,
        seed=seed,
        state="done",
        train_tokens=tuple(int(share * tokens) for share in shares),
        train_loss=losses,
        train_mean=running_mean(course).losses,
        train_final=final_mean(course),
        report_tokens=tuple(int(share * tokens) for share in marks),
        report_loss=tuple(falling(share) for share in marks),
    )


def sensitivity(name: str, size: str) -> list[SensitivityPoint]:
    points = []
    for octave in (-2, -1, 0, 1, 2):
        diverged = octave == 2 and name != "soap"
        points.append(
            SensitivityPoint(
                optimizer=name,
                label=LABEL[name],
                size=size,
                ratio=1.0,
                coordinate="learning_rate",
                value=RATE[name] * 2.0**octave,
                loss=None if diverged else loss_at(size, 1.0, name) + 0.03 * octave**2,
                state="diverged" if diverged else "done",
                winner=octave == 0,
            )
        )
    return points


def effort(name: str) -> TuningEffort:
    best = {
        size: tuple(loss_at(size, 1.0, name) + 0.2 / run for run in range(1, 6))
        for size in SIZE_NAMES
    }
    return TuningEffort(
        optimizer=name,
        tuned=("learning_rate",),
        fixed=("weight_decay",),
        varied=("learning_rate",),
        runs=10,
        diverged=2,
        failed=0,
        infeasible=0,
        tokens=16_400_000,
        device_seconds=93.0,
        flops=10**15,
        cells=tuple(
            CellEffort(
                cell=Cell(size=size, ratio=1.0),
                varied=("learning_rate",),
                runs=5,
                diverged=1,
                failed=0,
                infeasible=0,
                tokens=8_200_000,
                device_seconds=46.5,
                ended=True,
                exhausted=False,
                bracketed=name != "lion",
                best_after=best[size],
            )
            for size in SIZE_NAMES
        ),
    )


def seen(name: str, size: str, ratio: float) -> Observation:
    """The reported runs with their curves, from which the ranking over training comes."""
    return Observation(
        optimizer=name,
        size=size,
        parameters=float(SIZES[size].matrix_parameters),
        ratio=ratio,
        tokens=20.0 * SIZES[size].matrix_parameters * ratio,
        runs=tuple(
            SeedRun(
                seed=seed,
                state="done",
                loss=loss_at(size, ratio, name) + luck(name, seed),
                validation=LossCourse(progress=one.report_tokens, losses=one.report_loss),
            )
            for seed in SEEDS
            for one in [curve(name, size, ratio, seed)]
        ),
    )


def made_up_evidence() -> Evidence:
    """The same four optimizers as what was seen of them."""
    cells = [(size, ratio) for size in SIZE_NAMES for ratio in RATIOS]
    observations = [seen(name, size, ratio) for size, ratio in cells for name in GAIN]
    runs = {
        size: [
            [
                (one.optimizer, run.seed, run.loss)
                for one in observations
                if (one.size, one.ratio) == (size, ratio)
                for run in one.runs
            ]
            for ratio in RATIOS
        ]
        for size in SIZE_NAMES
    }
    return Evidence(
        name="made-up",
        kind="own study",
        baseline="adamw",
        contenders={name: Contender(label=LABEL[name], family=family(name)) for name in GAIN},
        sizes={size: float(SIZES[size].matrix_parameters) for size in SIZE_NAMES},
        observations=tuple(observations),
        noise=noise_by_size(runs, lambda _: stated_noise(0.01, "assumed")),
    )


def made_up() -> Analysis:
    """Four optimizers, two sizes, three ratios, three seeds."""
    cells = [(size, ratio) for size in SIZE_NAMES for ratio in RATIOS]
    return Analysis(
        study="made-up",
        question="Which optimizer needs the fewest tokens to the same loss as a tuned AdamW?",
        answer=(
            "Muon needs the fewest tokens: AdamW needs 1.42 [1.31, 1.53] times as many.",
            "SOAP needs fewer tokens, but not less time on this machine.",
        ),
        limits=("Lion's learning rate lies on the edge of what was tried.",),
        baseline="adamw",
        planned=112,
        finished=112,
        rows=tuple(row(name, size, ratio) for size, ratio in cells for name in GAIN),
        summaries=tuple(summary(name) for name in GAIN if name != "adamw"),
        laws=tuple(law(size) for size in SIZE_NAMES),
        curves=tuple(
            curve(name, size, ratio, seed)
            for size, ratio in cells
            for name in GAIN
            for seed in SEEDS
        ),
        sensitivity=tuple(
            point for name in GAIN for size in SIZE_NAMES for point in sensitivity(name, size)
        ),
        midway=midway(made_up_evidence()),
        effort=tuple(effort(name) for name in GAIN),
        noise=made_up_evidence().noise,
        indistinct=indistinct(made_up_evidence().noise),
        provenance=Provenance(
            study_digest="5e" * 32,
            data_name="stdlib",
            data_digest="da" * 32,
            environment={"python": "3.11.9", "jax": "0.10.2", "device": "cpu"},
            command="bestiary run quickstart",
        ),
        method="Bootstrap over seeds and over the fit.",
        draws=2000,
    )
