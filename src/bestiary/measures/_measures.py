"""Every optimizer at every cell, measured once; what answers and pages read.

An own study is read off the baseline's posterior curve, seed by seed. Of published and imported
results there is mostly one loss a cell, and the study's own method is used: its curve, refitted to
losses that are redrawn with the noise; where the baseline has fewer ratios than the three that this
curve needs, they are read as an own study is.
"""

from dataclasses import dataclass
from functools import cached_property

from bestiary.evidence import Evidence, Key, Observation
from bestiary.measures._cell import CellMeasures
from bestiary.measures._drawn import Drawn
from bestiary.measures._draws import Draws, draw
from bestiary.measures._speedups import drawn_measures
from bestiary.measures._study_speedups import StudySpeedups, redrawn, single_loss_measures
from bestiary.measures._times import log_time_ratios
from bestiary.specs import DRAWS


@dataclass(frozen=True)
class Measures:
    """What was seen, and what that measures.

    Attributes:
        evidence: What was seen.
        count: Draws behind every interval.
        seed: Decides the draws.
    """

    evidence: Evidence
    count: int = DRAWS
    seed: int = 0

    @cached_property
    def draws(self) -> Draws:
        """The draws from the posterior."""
        return draw(self.evidence, seed=self.seed, count=self.count)

    @cached_property
    def cells(self) -> dict[Key, CellMeasures]:
        """Every observation's measures."""
        observations = self.evidence.observations
        if self.evidence.kind == "own study":
            return {one.key: drawn_measures(self.draws, one) for one in observations}
        speedups = redrawn(self.evidence, draws=self.count, seed=self.seed)
        times = log_time_ratios(self.evidence, seed=self.seed, count=self.count)
        return {
            one.key: self._of_single_losses(speedups, one, times.get(one.key))
            for one in observations
        }

    def _of_single_losses(
        self, speedups: StudySpeedups, one: Observation, times: Drawn | None
    ) -> CellMeasures:
        """By the study's method, whose curve takes three ratios; with fewer as an own study is."""
        baseline = self.evidence.baseline
        if one.size not in speedups.curves and len(speedups.ratios(baseline, one.size)) < 3:
            return drawn_measures(self.draws, one)
        return single_loss_measures(self.evidence, speedups, one, times)

    def of(self, one: Observation) -> CellMeasures:
        """The measures of one observation."""
        return self.cells[one.key]

    @property
    def notes(self) -> tuple[str, ...]:
        """What could not be measured, in words: lost runs, sizes without a curve."""
        lost = (
            f"{self.evidence.contenders[one.optimizer].label} at {one.place}: "
            f"{self.of(one).loss.note}"
            for one in self.evidence.observations
            if not one.done
        )
        return (*self.evidence.notes, *lost)
