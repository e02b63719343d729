"""The losses a joint law is fitted to, checked, and what is assumed before they are seen."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from bestiary.errors import UserError, unknown
from bestiary.laws._joint_terms import JointForm, Terms
from bestiary.laws._power import Array


@dataclass(frozen=True)
class JointData:
    """Losses of several optimizers at several sizes and token counts, one entry per point.

    Attributes:
        which: The optimizer of every point.
        parameters: N of every point.
        tokens: D of every point, in training tokens.
        losses: Nats per token, the mean over seeds where there are several.
        deviations: Standard deviation of each loss, in nats; where absent, the residuals tell it.
        baseline: The optimizer whose efficiencies are 1.
    """

    which: tuple[str, ...]
    parameters: ArrayLike
    tokens: ArrayLike
    losses: ArrayLike
    deviations: ArrayLike | None = None
    baseline: str = "adamw"

    def __post_init__(self) -> None:
        if self.baseline not in self.which:
            raise unknown("baseline", self.baseline, dict.fromkeys(self.which))
        for name in ("parameters", "tokens", "losses", "deviations"):
            value = getattr(self, name)
            array = np.zeros(len(self.which)) if value is None else np.asarray(value, float)
            if array.shape != (len(self.which),):
                raise UserError(
                    f"{name} need one entry per point, got {array.shape} for {len(self.which)}"
                )
            if value is not None and not (np.isfinite(array).all() and (array > 0).all()):
                raise UserError(f"{name} must be finite and positive, got {array.tolist()}")
            object.__setattr__(self, name, array)
        _enough("sizes", "model size", self.sizes)
        _enough("token counts", "ratio of tokens to parameters", self.ratios)

    @property
    def sizes(self) -> list[float]:
        """The different N, ascending."""
        return sorted(set(np.asarray(self.parameters).tolist()))

    @property
    def ratios(self) -> list[float]:
        """The different D / N, ascending, to four digits: runs end on whole steps."""
        each = np.asarray(self.tokens) / np.asarray(self.parameters)
        return sorted({float(f"{ratio:.4g}") for ratio in each})

    @property
    def optimizers(self) -> tuple[str, ...]:
        """The different optimizers, the baseline first."""
        return tuple(dict.fromkeys((self.baseline, *self.which)))

    @property
    def scale(self) -> tuple[float, float]:
        """Geometric means of N and D."""
        return (
            math.exp(float(np.log(np.asarray(self.parameters)).mean())),
            math.exp(float(np.log(np.asarray(self.tokens)).mean())),
        )

    @property
    def cells(self) -> list[int]:
        """Which (N, ratio) each point belongs to, as an index."""
        ratio = np.asarray(self.tokens) / np.asarray(self.parameters)
        cells = [(n, f"{r:.4g}") for n, r in zip(np.asarray(self.parameters), ratio, strict=True)]
        order = {cell: index for index, cell in enumerate(dict.fromkeys(cells))}
        return [order[cell] for cell in cells]

    def terms(self, form: JointForm) -> Terms:
        """The terms of a form at these points."""
        size_P = np.log(np.asarray(self.parameters) / self.scale[0])
        data_P = np.log(np.asarray(self.tokens) / self.scale[1])
        return Terms.at(form, self.optimizers, self.which, size_P, data_P)


@dataclass(frozen=True)
class JointPrior:
    """What is assumed of a joint law before the data: every value is normal and on its own.

    Published exponents span 0.15 to 0.45 for alpha and 0.28 to 0.5 for beta; the rest is wide. It
    keeps a law finite where the data leave a value free, and hardly moves one that they fix.

    Attributes:
        centres: Mean of a value by kind (`log alpha`), 0 where not stated; those of log E, log A
            and log C are added to the log of the lowest loss.
        spreads: Standard deviation by kind.
    """

    centres: dict[str, float] = field(
        default_factory=lambda: {
            "log E": math.log(1 / 2),
            "log A": math.log(1 / 4),
            "log C": math.log(1 / 4),
            "log alpha": math.log(0.3),
            "log beta": math.log(0.45),
        }
    )
    spreads: dict[str, float] = field(
        default_factory=lambda: {
            "log E": 1.0,
            "log A": 2.0,
            "log C": 2.0,
            "log alpha": 0.6,
            "log beta": 0.4,
            "kappa": 0.3,
            "log r": 1.0,
            "g": 0.3,
            "h": 0.3,
            "log p": 1.0,
        }
    )

    def of(self, names: tuple[str, ...], lowest: float) -> tuple[Array, Array]:
        """Mean and standard deviation of every value, each of shape (Q,)."""
        kinds = [self._kind(name) for name in names]
        level = {"log E", "log A", "log C"}
        centres = [self.centres.get(k, 0.0) + math.log(lowest) * (k in level) for k in kinds]
        return np.array(centres), np.array([self.spreads[kind] for kind in kinds])

    def _kind(self, name: str) -> str:
        """The kind of a value: of `log r Schedule-Free SGD`, whatever optimizers are called."""
        return next(kind for kind in self.spreads if name == kind or name.startswith(f"{kind} "))


def _enough(name: str, what: str, values: list[float]) -> None:
    """A joint law needs two of everything."""
    if len(values) < 2:
        raise UserError(f"a joint law needs two {name} or more, got one {what}, {values}; add runs")
