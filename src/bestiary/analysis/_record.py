"""The record of an analysis: everything a report shows, as plain data that travels as JSON.

Numbers that do not exist are None and a note says why; no field is ever NaN or infinite. Losses are
nats per token on the `report` split unless a field says otherwise, intervals are 95%, ratios are
tokens over 20 N.
"""

from typing import Literal

from bestiary.specs import Cell, Configuration, Setting, Spec

Verdict = Literal["baseline", "faster", "slower", "not distinguishable", "undetermined"]


class Estimate(Spec, frozen=True, kw_only=True):
    """A number with its 95% interval.

    Attributes:
        value: The best estimate; None where there is none.
        low: Lower end of the interval; None where the data set no lower bound.
        high: Upper end; None where the data set no upper bound.
        extrapolated: Whether the value was read off a curve beyond the data that fixed it.
        note: What a reader must know about this number, in words; empty where nothing.
    """

    value: float | None
    low: float | None
    high: float | None
    extrapolated: bool = False
    note: str = ""


class SeedLoss(Spec, frozen=True, kw_only=True):
    """The outcome of one reported run: its loss, or None where it diverged or failed."""

    seed: int
    loss: float | None
    state: Literal["done", "diverged", "failed"]


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


class Summary(Spec, frozen=True, kw_only=True):
    """One optimizer over all cells: geometric means of its speedups, and its verdicts counted."""

    optimizer: str
    label: str
    family: str
    token_speedup: Estimate
    time_speedup: Estimate
    step_time_ratio: Estimate
    faster: int
    slower: int
    undecided: int


class LawPoint(Spec, frozen=True, kw_only=True):
    """One point of a fitted law with its band."""

    ratio: float
    loss: float
    low: float
    high: float


class BaselineLaw(Spec, frozen=True, kw_only=True):
    """The baseline's loss at one size as a function of the ratio: L(D) = a D^-B + b.

    Attributes:
        points: Ratios the fit rests on.
        form: How it was fitted, in words.
        a: Loss above the asymptote at ratio 1.
        exponent: B.
        b: The asymptote.
        residual: Largest absolute residual, in nats.
        condition_number: Of the scaled Jacobian; above 1e3 the parameters are not separately known.
        curve: The law sampled for drawing, with its band, a little beyond the data on both sides.
        note: What a reader must know; why there is no law where `a` has no value.
    """

    size: str
    points: int
    form: str
    a: Estimate
    exponent: Estimate
    b: Estimate
    residual: float | None
    condition_number: float | None
    curve: tuple[LawPoint, ...]
    note: str


class LossCurve(Spec, frozen=True, kw_only=True):
    """The curves of one reported run, thinned: training loss and report loss against tokens."""

    run_id: str
    optimizer: str
    label: str
    size: str
    ratio: float
    seed: int
    state: Literal["done", "diverged", "failed"]
    train_tokens: tuple[int, ...]
    train_loss: tuple[float, ...]
    report_tokens: tuple[int, ...]
    report_loss: tuple[float, ...]


class SensitivityPoint(Spec, frozen=True, kw_only=True):
    """What a value of a coordinate gave: the run nearest to the winner of its cell.

    Attributes:
        coordinate: The coordinate that is varied.
        value: Its value in this run.
        loss: Selection loss; None where the run diverged or failed.
        winner: Whether this is the winner's own value.
        differs: Settings of this run in other coordinates that are not the winner's; empty where
            its value was tried beside the winner's own.
    """

    optimizer: str
    label: str
    size: str
    ratio: float
    coordinate: str
    value: Setting
    loss: float | None
    state: Literal["done", "diverged", "failed"]
    winner: bool
    differs: Configuration = {}


class TuningTrace(Spec, frozen=True, kw_only=True):
    """The tuning of one optimizer in one cell.

    Attributes:
        runs: Tuning runs with a result.
        best_after: Lowest selection loss after 1, 2, ... runs; None while all have diverged.
    """

    size: str
    ratio: float
    runs: int
    best_after: tuple[float | None, ...]


class LedgerEntry(Spec, frozen=True, kw_only=True):
    """What tuning one optimizer cost.

    Attributes:
        coordinates: Hyperparameters that were varied.
        runs: Tuning runs with a result, diverged and failed ones counted.
        tokens: Training tokens of these.
        device_seconds: Seconds of training and compilation of these.
        cells: One trace for each tuned cell.
    """

    optimizer: str
    label: str
    family: str
    coordinates: tuple[str, ...]
    runs: int
    diverged: int
    failed: int
    tokens: int
    device_seconds: float
    cells: tuple[TuningTrace, ...]


class Provenance(Spec, frozen=True, kw_only=True):
    """What the numbers rest on.

    Attributes:
        study_digest: The sha256 of the study.
        environment: Versions and machine as the runs recorded them; several values of one key are
            joined by "; ".
        command: The command that produced the study; empty where unknown.
        method: How the intervals were made, in one or two sentences.
        draws: Draws behind every interval.
    """

    study_digest: str
    data_name: str
    data_digest: str
    environment: dict[str, str]
    command: str
    method: str
    draws: int


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
        ledger: What tuning cost, in the study's order of optimizers.
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
    ledger: tuple[LedgerEntry, ...]
    provenance: Provenance
    schema: Literal[1] = 1
