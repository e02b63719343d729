"""What exhibits are drawn from, whoever ran the study: own and published ones alike."""

from collections.abc import Mapping
from typing import NamedTuple

from bestiary.answers.report import Analysis, Row
from bestiary.answers.reproduce import Reproduction
from bestiary.measures import BaselineLaw, SensitivityPoint
from bestiary.report._identity import Identity, identities


class Subject(NamedTuple):
    """A study as its figures need it.

    Attributes:
        baseline: The optimizer whose curve defines speedup.
        rows: Every optimizer at every cell.
        laws: The baseline's law at every size.
        around: Runs around each winner, one hyperparameter changed.
        indistinct: Size -> losses of two such runs that differ by less are not told apart.
        looks: Of the optimizers, in their order.
        figures: (optimizer, size, ratio) -> the token speedup that somebody published.
    """

    baseline: str
    rows: tuple[Row, ...]
    laws: tuple[BaselineLaw, ...]
    around: tuple[SensitivityPoint, ...]
    indistinct: Mapping[str, float]
    looks: dict[str, Identity]
    figures: Mapping[tuple[str, str, float], float] = {}

    @property
    def label(self) -> str:
        """The baseline's name in figures."""
        return self.looks[self.baseline].label

    @property
    def sizes(self) -> tuple[str, ...]:
        """The sizes in order."""
        return tuple(dict.fromkeys(row.size for row in self.rows))


def own(analysis: Analysis) -> Subject:
    """An own study."""
    return Subject(
        baseline=analysis.baseline,
        rows=analysis.rows,
        laws=analysis.laws,
        around=analysis.sensitivity,
        indistinct=analysis.indistinct,
        looks=identities(analysis.rows),
    )


def published(found: Reproduction) -> Subject:
    """The published study."""
    return Subject(
        baseline=found.baseline,
        rows=found.rows,
        laws=found.laws,
        around=found.ablations,
        indistinct=found.indistinct,
        looks=identities(found.rows),
        figures={
            (one.optimizer, one.size, one.ratio): one.published
            for one in found.speedups
            if one.published is not None
        },
    )
