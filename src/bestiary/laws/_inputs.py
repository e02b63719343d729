"""The losses of one curve, checked before anything is fitted to them."""

import numpy as np
from numpy.typing import ArrayLike

from bestiary.errors import UserError
from bestiary.laws._power import Array


def curve_inputs(
    ratios: ArrayLike, losses: ArrayLike, deviations: ArrayLike | None, *, needed: int
) -> tuple[Array, Array, Array]:
    """The arrays of a fit; deviations are 1 where absent.

    Raises:
        UserError: fewer than the needed different ratios, or a number that is not finite and
            positive.
    """
    ratios_R, losses_KR = np.asarray(ratios, float), np.asarray(losses, float)
    deviations_R = np.ones_like(ratios_R) if deviations is None else np.asarray(deviations, float)
    for name, array in (("ratios", ratios_R), ("losses", losses_KR), ("deviations", deviations_R)):
        if not (np.isfinite(array).all() and (array > 0).all()):
            raise UserError(f"{name} must be finite and positive, got {array.tolist()}")
    if len(set(ratios_R.tolist())) < needed:
        raise UserError(
            f"a loss curve needs {needed} different ratios, got {ratios_R.tolist()}; add runs"
        )
    return ratios_R, losses_KR, deviations_R
