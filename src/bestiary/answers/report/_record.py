"""The record of an analysis: everything a report shows, as plain data that travels as JSON.

Numbers that do not exist are None and a note says why; no field is ever NaN or infinite. Losses are
nats per token on the `report` split unless a field says otherwise, intervals are 95%, ratios are
tokens over 20 N.
"""

from typing import Literal

from bestiary.evidence import Provenance, SeedNoise, State
from bestiary.measures import (
    BaselineLaw,
    DownstreamTask,
    Midway,
    SensitivityPoint,
    Summary,
    Verdict,
)
from bestiary.specs import Cell, Configuration, Estimate, Spec
from bestiary.tune import Spending, TuningEffort


class SeedLoss(Spec, frozen=True, kw_only=True):
    """The outcome of one reported run: its loss, or None where it diverged or failed.

    Attributes:
        run_id: Of an own run; else empty.
    """

    seed: int | None
    loss: float | None
    state: State
    run_id: str = ""


class Row(Spec, frozen=True, kw_only=True):
    """One optimizer at one cell, re-run on fresh seeds with its tuned configuration.

    Rows in order of ratio are also the loss-against-ratio points of an optimizer at a size.

    Attributes:
        optimizer: Name in the catalogue.
        label: Name in tables and figures.
        family: `scalar`, `variance-reduced`, `matrix` or `second-order`.
        parameters: N, the non-embedding parameters of the size.
        tokens: Training tokens of one run; 0 where no run is known.
        loss: Mean over seeds; its interval is that of the mean.
        loss_deviation: Standard deviation between seeds; None below two seeds.
        seeds: The reported runs, in order of seed.
        pending: Reported runs that are planned and have no result yet.
        diverged: Reported runs that diverged.
        bits_per_byte: Mean over seeds.
        configuration: The complete tuned configuration; empty where none is known yet.
        tuned: The coordinates of the configuration that were tuned.
        unbracketed: Tuned numeric coordinates whose optimum lies on the edge of what was tried.
        inherited_from: The cell whose tuned configuration was taken; None where tuned here.
        loss_difference: Loss minus the baseline's at the same cell, paired by seed.
        token_speedup: Tokens the baseline needs for this loss, over the tokens used here.
        time_speedup: Token speedup over `step_time_ratio`: the same on the clock of this machine.
        step_time_ratio: Seconds per training token over the baseline's at the same cell.
        step_seconds: Median seconds of one step; None where not measured.
        state_bytes: Bytes of optimizer state; None where not measured.
        verdict: Whether the interval of the token speedup excludes 1; where it has no bounds,
            whether that of `loss_difference` excludes 0; `undetermined` where neither is known, and
            in place of `faster` where a seed diverged.
    """

    optimizer: str
    label: str
    family: str
    size: str
    ratio: float
    parameters: int
    tokens: int
    loss: Estimate
    loss_deviation: float | None
    seeds: tuple[SeedLoss, ...]
    pending: int
    diverged: int
    bits_per_byte: float | None
    configuration: Configuration
    tuned: tuple[str, ...]
    unbracketed: tuple[str, ...]
    inherited_from: Cell | None
    loss_difference: Estimate
    token_speedup: Estimate
    time_speedup: Estimate
    step_time_ratio: Estimate
    step_seconds: float | None
    state_bytes: int | None
    verdict: Verdict


class LossCurve(Spec, frozen=True, kw_only=True):
    """The curves of one reported run, thinned: training loss and report loss against tokens.

    Attributes:
        run_id: Of an own run; else empty.
        train_mean: The training loss averaged over 5% of the run around each point.
        train_final: The same over the last 5% of the run; None where no training loss is known.
    """

    run_id: str
    optimizer: str
    label: str
    size: str
    ratio: float
    seed: int | None
    state: State
    train_tokens: tuple[int, ...]
    train_loss: tuple[float, ...]
    train_mean: tuple[float, ...]
    train_final: float | None
    report_tokens: tuple[int, ...]
    report_loss: tuple[float, ...]


class Analysis(Spec, frozen=True, kw_only=True):
    """Everything a report shows of a study.

    Attributes:
        answer: The answer in sentences, the most important first.
        limits: What could not be concluded, or only with reserve, in sentences.
        baseline: The optimizer whose curve defines speedup.
        planned: Runs planned so far.
        finished: Those with a result.
        rows: Every optimizer at every cell, in the study's order: sizes, ratios, optimizers.
        summaries: Every optimizer over all cells, in the study's order; without the baseline.
        laws: The baseline's law at every size.
        curves: The reported runs.
        sensitivity: Tuning runs around each winner, by optimizer, cell, coordinate and value.
        downstream: Scores on downstream tasks against losses; empty where no run was asked any.
        midway: The ranking over training at every cell that has curves of two optimizers.
        effort: What tuning cost, in the study's order of optimizers.
        spending: What was planned against what was spent, by optimizer and phase.
        price: Of one device for one hour; 0 where nothing was said.
        noise: The seed noise of every size.
        indistinct: Size -> losses of two tuning runs that differ by less are not told apart (95%),
            in nats; without the sizes whose noise nobody measured.
        provenance: What the numbers rest on.
        method: How the intervals were made, in one or two sentences.
        draws: Draws behind every interval.
    """

    study: str
    question: str
    answer: tuple[str, ...]
    limits: tuple[str, ...]
    baseline: str
    planned: int
    finished: int
    rows: tuple[Row, ...]
    summaries: tuple[Summary, ...]
    laws: tuple[BaselineLaw, ...]
    curves: tuple[LossCurve, ...]
    sensitivity: tuple[SensitivityPoint, ...]
    midway: tuple[Midway, ...]
    effort: tuple[TuningEffort, ...]
    spending: tuple[Spending, ...] = ()
    price: float = 0.0
    noise: dict[str, SeedNoise]
    indistinct: dict[str, float]
    provenance: Provenance
    method: str
    draws: int
    downstream: tuple[DownstreamTask, ...] = ()
    schema: Literal[2] = 2
