"""The record of a reproduction: what was published, what comes out here, and how sure it is."""

from typing import Any

from bestiary.answers.report import Row
from bestiary.answers.reproduce._verdict import ClaimVerdict, Judgement
from bestiary.evidence.published import Pair
from bestiary.measures import BaselineLaw, SensitivityPoint
from bestiary.measures.published import Infeasible
from bestiary.specs import Estimate, Spec


class PublishedCurve(Spec, frozen=True, kw_only=True):
    """AdamW's curve L(D) = a D^-B + b at one size, beside the published parameters.

    Attributes:
        version: Which losses it is fitted to: `printed` or `released`.
        ratios: `1-8`, or `1-16` where the 16x point is in the fit.
        residual: Largest absolute residual, in nats.
        fit_probability: Chance of residuals this large at the stated noise if the form were true.
            A small one means that the curve's intervals, and those of speedups over it, are too
            narrow.
        published: (a, B, b) as published for the released losses; None where nothing was.
    """

    version: str
    size: str
    ratios: str
    a: Estimate
    exponent: Estimate
    b: Estimate
    residual: float
    fit_probability: float
    published: tuple[float, float, float] | None


class SpeedupRow(Spec, frozen=True, kw_only=True):
    """One speedup over AdamW in one variant of the analysis.

    Attributes:
        version: Which losses: `printed` or `released`.
        ratios: Which of AdamW's ratios are in the fit: `1-8`, or `1-16` where there is a 16x point.
        loss: Nats per token.
        speedup: Recomputed, with its interval.
        published: The authors' figure value; None where they show none.
    """

    version: str
    ratios: str
    optimizer: str
    size: str
    ratio: float
    loss: float
    speedup: Estimate
    published: float | None


class SizePoint(Spec, frozen=True, kw_only=True):
    """One point of the headline figure, speedup at 8x against size.

    Attributes:
        parameters: N.
        printed: From the printed losses and AdamW's 1x to 8x, as in the paper's figure.
        with_16x: The same with AdamW's 16x points in the fit.
        released: From the released losses with the 16x points, as in the released figure.
        published: The paper's figure value.
        published_released: The released figure's value.
    """

    optimizer: str
    size: str
    parameters: int
    printed: Estimate
    with_16x: Estimate
    released: Estimate
    published: float | None
    published_released: float | None


class CellWinner(Spec, frozen=True, kw_only=True):
    """The lowest loss of a cell.

    Attributes:
        margin: How far the runner-up is above, in nats.
        sure: Share of redrawn data sets in which the same optimizer wins.
    """

    version: str
    size: str
    ratio: float
    winner: str
    loss: float
    runner_up: str
    margin: float
    sure: float


class ClaimCheck(Spec, frozen=True, kw_only=True):
    """A claim with its verdict on the printed losses, and what else would change it.

    Attributes:
        verdict: On the printed losses at the stated noise.
        released: The judgement on the released losses.
        with_16x: The judgement with AdamW's 16x points in its curves.
        half_noise: The judgement if seed noise were half as large.
        double_noise: The judgement if it were twice as large.
    """

    verdict: ClaimVerdict
    released: Judgement
    with_16x: Judgement
    half_noise: Judgement
    double_noise: Judgement

    @property
    def otherwise(self) -> str:
        """What the judgement would be where it differs, in words; empty where it never does."""
        cases = {
            "the released losses": self.released,
            "AdamW's 16x points in its curves": self.with_16x,
            "half the noise": self.half_noise,
            "twice the noise": self.double_noise,
        }
        differing = {case: word for case, word in cases.items() if word != self.verdict.judgement}
        return "; ".join(f"{word} with {case}" for case, word in differing.items())


class ChangedCell(Spec, frozen=True, kw_only=True):
    """A cell whose loss differs between the printed and the released version."""

    optimizer: str
    size: str
    ratio: float
    printed: float
    released: float


class NoisePoint(Spec, frozen=True, kw_only=True):
    """How a headline speedup's interval depends on the assumed seed noise (printed losses, 8x)."""

    optimizer: str
    size: str
    noise: float
    speedup: Estimate


class TrainingOffset(Spec, frozen=True, kw_only=True):
    """How an optimizer generalises: its validation loss less AdamW's at equal training loss.

    Attributes:
        runs: Published runs with both losses.
        offset: In nats, the median over cells.
        cells: Cells it was compared in; 0 where too few runs are comparable.
    """

    optimizer: str
    runs: int
    offset: Estimate
    cells: int


class Reproduction(Spec, frozen=True, kw_only=True):
    """Everything `bestiary reproduce fantastic2025` shows.

    Attributes:
        noise: The assumed standard deviation of one loss, nats per token.
        measured_noise: What the study's own epsilon ablations say it is.
        noise_groups: How many groups of ablations that rests on.
        draws: Redrawn data sets.
        changed: The cells in which the two versions of the losses differ.
        largest_difference: Between recomputed and published speedups, printed losses, 1x to 8x.
        ablations: Runs around the configurations that the study's first phase ended at, one
            hyperparameter changed.
        indistinct: Size -> losses of two such runs that differ by less are not told apart (95%).
        baseline: The optimizer that speedups are measured against.
        rows: Every optimizer at every cell, as the report of an own study has them: printed losses
            over AdamW's curve through 1x to 8x, at 16x through 1x to 16x.
        laws: These curves through 1x to 8x.
        pairs: The final training and validation loss of every run that has both.
        offsets: What remains between optimizers at equal training loss.
        infeasible: Predictions of the study's hyperparameter laws that cannot be run.
        sources: Licence, repository and origin of every packaged table.
        notes: What a reader must know.
    """

    noise: float
    measured_noise: float
    noise_groups: int
    draws: int
    changed: tuple[ChangedCell, ...]
    curves: tuple[PublishedCurve, ...]
    speedups: tuple[SpeedupRow, ...]
    largest_difference: float
    against_size: tuple[SizePoint, ...]
    winners: tuple[CellWinner, ...]
    claims: tuple[ClaimCheck, ...]
    sensitivity: tuple[NoisePoint, ...]
    ablations: tuple[SensitivityPoint, ...]
    indistinct: dict[str, float]
    baseline: str
    rows: tuple[Row, ...]
    laws: tuple[BaselineLaw, ...]
    pairs: tuple[Pair, ...]
    offsets: tuple[TrainingOffset, ...]
    infeasible: tuple[Infeasible, ...]
    sources: dict[str, Any]
    notes: tuple[str, ...]
