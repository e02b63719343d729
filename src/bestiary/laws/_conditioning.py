"""How well the data fix the parameters of a law: covariance, correlations, condition number.

Shape suffixes: R ratios, P the parameters (log a, log B, b).
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from bestiary.laws._exponent import ExponentPrior
from bestiary.laws._power import Array, PowerLaw


@dataclass(frozen=True)
class Conditioning:
    """The linearised uncertainty of (log a, log B, b).

    Attributes:
        covariance: (J^T J + prior)^-1 with J the Jacobian over the deviations; shape (P, P).
        correlations: The same scaled to a unit diagonal.
        condition_number: Of J, prior included, with columns scaled to length 1. Above about 1e3
            the parameters are not separately known, though the curve may be.
    """

    covariance: Array
    correlations: Array
    condition_number: float


def conditioning(
    law: PowerLaw,
    ratios: ArrayLike,
    deviations: ArrayLike,
    prior: ExponentPrior | None = None,
) -> Conditioning | None:
    """The conditioning of one fitted law; None where the data leave a parameter free.

    Args:
        law: One law with a > 0.
        ratios: D of the fitted losses, shape (R,).
        deviations: Standard deviation of each loss, in nats, shape (R,).
        prior: What is assumed of the exponent, entering with its standard deviation.
    """
    ratios_R, deviations_R = np.asarray(ratios, float), np.asarray(deviations, float)
    fall_R = law.loss(ratios_R) - law.b
    columns = [fall_R, -law.exponent * np.log(ratios_R) * fall_R, np.ones_like(ratios_R)]
    jacobian_RP = np.stack(columns, axis=1) / deviations_R[:, None]
    if prior:
        jacobian_RP = np.vstack([jacobian_RP, [0.0, 1 / prior.spread, 0.0]])
    lengths_P = np.linalg.norm(jacobian_RP, axis=0)
    if not (lengths_P > 0).all():
        return None
    scaled_RP = jacobian_RP / lengths_P
    singular_P = np.linalg.svd(scaled_RP, compute_uv=False)
    if len(singular_P) < 3 or singular_P[-1] < 1e-12 * singular_P[0]:
        return None
    covariance_PP = np.linalg.inv(scaled_RP.T @ scaled_RP) / np.outer(lengths_P, lengths_P)
    scale_P = np.sqrt(np.diag(covariance_PP))
    return Conditioning(
        covariance=covariance_PP,
        correlations=covariance_PP / np.outer(scale_P, scale_P),
        condition_number=float(singular_P[0] / singular_P[-1]),
    )
