"""A part of many claims: that some optimizers have lower losses than others."""

from collections.abc import Iterable

import numpy as np

from bestiary.answers.reproduce._verdict import ClaimPart, drawn, normal
from bestiary.measures.published import Place, Variant


def lower(
    variant: Variant, first: Iterable[str], second: Iterable[str], at: Place, text: str
) -> ClaimPart:
    """That the worst of the first has a lower loss than the best of the second."""
    one = [name for name in first if (name, *at) in variant.losses]
    two = [name for name in second if (name, *at) in variant.losses]
    margin = min(variant.losses[name, *at] for name in two)
    margin -= max(variant.losses[name, *at] for name in one)
    if len(one) == len(two) == 1:
        return normal(text, margin, variant.difference_noise)
    margin_K = np.min([variant.loss_draws(name, at) for name in two], axis=0)
    margin_K = margin_K - np.max([variant.loss_draws(name, at) for name in one], axis=0)
    return drawn(text, margin, margin_K)
