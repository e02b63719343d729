"""The baseline's loss at one size as a function of tokens: measured there, or predicted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bestiary.analysis.answers._findings import Findings
from bestiary.analysis.answers._joint import joint_fit
from bestiary.analysis.answers._reach import parameters_of_size
from bestiary.laws import CurvePosterior, JointLaw, PowerLaw


@dataclass(frozen=True)
class Curve:
    """Loss against ratio at one size.

    Attributes:
        size: Its name.
        parameters: N.
        loss: Ratio -> nats per token.
        ratio: Nats per token -> ratio; infinite below the asymptote.
        ratios: Ratios that were measured; none where the curve is predicted.
    """

    size: str
    parameters: float
    loss: Callable[[float], float]
    ratio: Callable[[float], float]
    ratios: tuple[float, ...] = ()

    def gap(self, ratio: float, speedup: float) -> float:
        """By how much a loss at this ratio is lower for an optimizer of that speedup, in nats."""
        return self.loss(ratio) - self.loss(ratio * speedup)


def curve_at(findings: Findings, size: str) -> Curve:
    """The baseline's curve at a size of the findings, or predicted at another named size.

    Raises:
        UserError: a size that does not compare with these, or too few data to predict.
    """
    own = [one for one in findings.of(findings.baseline).values() if one.size == size]
    if len({one.ratio for one in own}) >= 2:
        law = CurvePosterior(
            np.array([one.ratio for one in own]),
            np.array([one.loss for one in own]),
            np.array([max(1e-6, findings.noise.total / one.runs**0.5) for one in own]),
        ).law()
        ratios = tuple(one.ratio for one in own)
        return Curve(size, own[0].parameters, _loss_of(law), _ratio_of(law), ratios)
    parameters = parameters_of_size(findings, size)
    joint = joint_fit(findings, draws=0).law
    return _predicted(joint, findings.baseline, size, parameters)


def _loss_of(law: PowerLaw) -> Callable[[float], float]:
    return lambda ratio: float(law.loss(ratio))


def _ratio_of(law: PowerLaw) -> Callable[[float], float]:
    return lambda loss: float(np.exp(law.log_ratio(loss)))


def _predicted(joint: JointLaw, baseline: str, size: str, parameters: float) -> Curve:
    """A curve of the joint law; inverted on a grid, since its form need not be a plain power."""

    def loss(ratio: float) -> float:
        return float(joint.loss(baseline, parameters, 20 * parameters * ratio))

    grid = np.geomspace(1e-3, 1e5, 4001)
    losses = joint.loss(baseline, parameters, 20 * parameters * grid)

    def ratio(wanted: float) -> float:
        if wanted <= losses[-1]:
            return float("inf")
        return float(np.exp(np.interp(-wanted, -losses, np.log(grid))))

    return Curve(size, parameters, loss, ratio)
