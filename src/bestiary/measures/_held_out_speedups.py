"""How well a joint law predicts speedups that it has not seen, and what it misses of them.

Every ratio and every size is left out in turn. The error at a cell that was left out has three
parts: the doubt of the law's values, the noise of the measurement, and what no law of this form
gets right. The third is alike in the log of the speedup at all ratios, though not in nats, so it is
read from these errors, as a standard deviation of log speedups, and goes into every prediction.

Across sizes and across ratios a form may miss differently, so each has a misfit of its own.

Whether such a prediction holds what was measured is asked of cells that had no part in it, their
errors included: for every fold the misfit is read from the other folds of its kind alone, by laws
that lack both.
"""

import math
from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import combinations
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bestiary.evidence import Observation
from bestiary.laws import FORMS, Array, HeldOutLaw, held_out_laws, student_quantile
from bestiary.measures._joint import joint_data, joint_fit
from bestiary.measures._measures import Measures
from bestiary.specs import Estimate, Spec

Points = NDArray[np.int64]
Kind = Literal["ratio", "size"]
KINDS: tuple[Kind, ...] = ("ratio", "size")
# What is left out together: all losses of one ratio, or of one size.
Fold = tuple[Kind, str]
# Standard deviations between the ends of a 95% interval.
WIDTH = 2 * 1.96
# Misfits tried, in log speedups.
_MISFITS = np.linspace(0.0, 0.5, 501)


class Misfit(NamedTuple):
    """What a form misses of log speedups.

    Attributes:
        deviation: Standard deviation.
        freedom: Cells that it was read from.
    """

    deviation: float
    freedom: int


class Predicted(NamedTuple):
    """A log speedup that was predicted.

    Attributes:
        value: The prediction.
        deviation: Standard deviation of the truth around it.
        freedom: Degrees of freedom with which that is known.
    """

    value: float
    deviation: float
    freedom: float

    def half_width(self, level: float = 0.95) -> float:
        """Half the interval that holds the truth this often."""
        return student_quantile(0.5 + level / 2, self.freedom) * self.deviation

    def estimate(self, *, extrapolated: bool = False, note: str = "") -> Estimate:
        """The speedup with its 95% interval."""
        half = self.half_width()
        return Estimate(
            value=math.exp(self.value),
            low=math.exp(self.value - half),
            high=math.exp(self.value + half),
            extrapolated=extrapolated,
            note=note,
        )


class HeldOutCell(Spec, frozen=True, kw_only=True):
    """A measured speedup, and what was predicted of it without it.

    Attributes:
        left_out: What the law had not seen: `ratio` or `size`, of this cell, whole.
        measured: The speedup.
        predicted: By a law without any loss of that ratio or size, for a measurement as noisy.
    """

    optimizer: str
    size: str
    ratio: float
    left_out: Kind
    measured: float
    predicted: Estimate

    @property
    def inside(self) -> bool:
        """Whether the interval holds what was measured."""
        low, high = self.predicted.low or 0.0, self.predicted.high or math.inf
        return low <= self.measured <= high


class _Error(NamedTuple):
    """The error of one prediction, in log speedups."""

    point: int
    value: float
    deviation: float


class HeldOutSpeedups:
    """The errors of one form at every ratio and every size that was left out."""

    def __init__(self, measures: Measures, form: str) -> None:
        """Fit without every fold.

        Args:
            measures: With the measured speedups.
            form: A name of `bestiary.laws.FORMS`.

        Raises:
            UserError: too few sizes or ratios for a joint law.
        """
        self._evidence, self._form = measures.evidence, form
        self._found = measures.evidence.found
        self._known = dict(_measured(measures, self._found))
        self._folds = _folds(self._found)
        self._laws = self._fitted([(fold, fold) for fold in self._folds])

    @property
    def error(self) -> float | None:
        """Root mean square of all errors, in log speedups; None where nothing could be tested."""
        errors = self._all
        return float(np.sqrt(np.mean(np.square(errors)))) if errors else None

    @property
    def error_doubt(self) -> float:
        """Standard error of that error over it, by the number of errors; 0 where there is none."""
        return 1 / math.sqrt(2 * len(self._all)) if self._all else 0.0

    @cached_property
    def _all(self) -> list[float]:
        return [one.value for fold in self._folds for one in self._errors(fold)]

    def misfit(self, kind: Kind) -> Misfit | None:
        """What the form misses at a new ratio or a new size; None where that was not tested."""
        return self._misfits[kind]

    @cached_property
    def _misfits(self) -> dict[Kind, Misfit | None]:
        return {
            kind: self._misfit([each for fold in self._of(kind) for each in self._errors(fold)])
            for kind in KINDS
        }

    def cells(self) -> Iterable[HeldOutCell]:
        """Every measured speedup, predicted without its ratio and without its size."""
        pairs = [pair for kind in KINDS for pair in combinations(self._of(kind), 2)]
        self._laws |= self._fitted(pairs)
        for fold in self._folds:
            others = [name for name in self._of(fold[0]) if name != fold]
            rest = [each for other in others for each in self._errors(other, fold)]
            misfit = self._misfit(rest)
            if misfit is not None:
                yield from (self._cell(one, fold[0], misfit) for one in self._errors(fold))

    def _cell(self, one: _Error, kind: Kind, misfit: Misfit) -> HeldOutCell:
        seen, (measured, noise) = self._found[one.point], self._known[one.point]
        deviation = math.hypot(one.deviation, misfit.deviation, noise)
        predicted = Predicted(measured - one.value, deviation, misfit.freedom)
        return HeldOutCell(
            optimizer=seen.optimizer,
            size=seen.size,
            ratio=seen.ratio,
            left_out=kind,
            measured=math.exp(measured),
            predicted=predicted.estimate(),
        )

    def _of(self, kind: Kind) -> list[Fold]:
        return [fold for fold in self._folds if fold[0] == kind]

    def _fitted(self, pairs: Sequence[tuple[Fold, Fold]]) -> dict[frozenset[Fold], HeldOutLaw]:
        """The law without both folds of every pair."""
        data = joint_data(self._evidence)
        out = [np.union1d(self._folds[one], self._folds[two]) for one, two in pairs]
        fit = joint_fit(self._evidence, self._form, draws=0)
        laws = held_out_laws(data, FORMS[self._form], out, fit=fit)
        return {frozenset(pair): law for pair, law in zip(pairs, laws, strict=True)}

    def _errors(self, fold: Fold, without: Fold | None = None) -> Iterable[_Error]:
        """At the cells of a fold that was left out, and of no other one that was left out too."""
        law, covariance = self._laws[frozenset((fold, without or fold))]
        left = set(self._folds[fold].tolist())
        both = left | set(self._folds[without].tolist()) if without else left
        seen = {one.optimizer for point, one in enumerate(self._found) if point not in both}
        for point in self._folds[fold]:
            one = self._found[point]
            if point not in self._known or one.optimizer not in seen:
                continue
            if without and point in self._folds[without]:
                continue
            at = (one.optimizer, one.parameters, one.tokens)
            deviation = law.log_speedup_deviation(*at, covariance)
            value = self._known[point][0] - float(law.log_speedup(*at))
            yield _Error(int(point), value, deviation)

    def _misfit(self, errors: Sequence[_Error]) -> Misfit | None:
        if not errors:
            return None
        variance_P = [one.deviation**2 + self._known[one.point][1] ** 2 for one in errors]
        cells = {self._found[one.point].cell for one in errors}
        deviation = _likeliest(np.array([one.value for one in errors]), np.array(variance_P))
        return Misfit(deviation, len(cells))


def _likeliest(error_P: Array, variance_P: Array) -> float:
    """The misfit under which these errors are likeliest, beside the variance they have anyway."""
    total_MP = _MISFITS[:, None] ** 2 + variance_P
    twice_M = (np.log(total_MP) + error_P**2 / total_MP).sum(axis=1)
    return float(_MISFITS[twice_M.argmin()])


def _measured(
    measures: Measures, found: Sequence[Observation]
) -> Iterable[tuple[int, tuple[float, float]]]:
    """The log of every speedup that was measured, with the standard deviation of its noise."""
    for point, one in enumerate(found):
        speedup = measures.of(one).speedup
        known = speedup.value, speedup.low, speedup.high
        if one.optimizer != measures.evidence.baseline and None not in known:
            value, low, high = (math.log(each) for each in known if each)
            yield point, (value, (high - low) / WIDTH)


def _folds(found: Sequence[Observation]) -> dict[Fold, Points]:
    """The losses of every ratio, and of every size."""
    places: dict[Fold, list[int]] = {}
    for point, one in enumerate(found):
        places.setdefault(("ratio", f"{one.ratio:g}x"), []).append(point)
        places.setdefault(("size", one.size), []).append(point)
    return {fold: np.array(points) for fold, points in places.items()}
