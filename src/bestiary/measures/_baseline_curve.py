"""The baseline's loss at one size as a function of the ratio: measured there, or predicted."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from bestiary.evidence import Evidence
from bestiary.laws import JointLaw, PowerLaw
from bestiary.measures._baseline_posterior import baseline_posterior
from bestiary.measures._comparable import parameters_of_size
from bestiary.measures._joint import joint_fit


@dataclass(frozen=True)
class BaselineCurve:
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


def curve_at(evidence: Evidence, size: str) -> BaselineCurve:
    """The baseline's curve at a size of the results, or predicted at another named size.

    Raises:
        UserError: a size that does not compare with these, or too few data to predict.
    """
    posterior = None if size not in evidence.sizes else baseline_posterior(evidence, size)
    if posterior is not None:
        law, ratios = posterior.law(), tuple(posterior.ratios.tolist())
        return BaselineCurve(size, evidence.sizes[size], _loss_of(law), _ratio_of(law), ratios)
    parameters = parameters_of_size(evidence, size)
    joint = joint_fit(evidence, draws=0).law
    return _predicted(joint, evidence.baseline, size, parameters)


def _loss_of(law: PowerLaw) -> Callable[[float], float]:
    return lambda ratio: float(law.loss(ratio))


def _ratio_of(law: PowerLaw) -> Callable[[float], float]:
    return lambda loss: float(np.exp(law.log_ratio(loss)))


def _predicted(joint: JointLaw, baseline: str, size: str, parameters: float) -> BaselineCurve:
    """A curve of the joint law; inverted on a grid, since its form need not be a plain power."""

    def loss(ratio: float) -> float:
        return float(joint.loss(baseline, parameters, 20 * parameters * ratio))

    grid = np.geomspace(1e-3, 1e5, 4001)
    losses = joint.loss(baseline, parameters, 20 * parameters * grid)

    def ratio(wanted: float) -> float:
        if wanted <= losses[-1]:
            return float("inf")
        return float(np.exp(np.interp(-wanted, -losses, np.log(grid))))

    return BaselineCurve(size, parameters, loss, ratio)
