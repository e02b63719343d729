"""The quantile of Student's t."""

from statistics import NormalDist

# From here on four terms of the expansion are exact to 13 digits, and importing scipy is not worth
# its fifth of a second.
EXPANDED = 3000


def student_quantile(chance: float, freedom: float) -> float:
    """The value that a t-distributed number stays below with this chance.

    Args:
        chance: Between 0 and 1.
        freedom: Degrees of freedom; infinite for the normal distribution.
    """
    if freedom >= EXPANDED:
        return _expanded(NormalDist().inv_cdf(chance), freedom)
    # Here, because scipy takes longer to import than everything else in `laws` together.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, chance))


def _expanded(z: float, freedom: float) -> float:
    """Cornish and Fisher's expansion about the normal quantile (Abramowitz and Stegun 26.7.5)."""
    terms = (
        z,
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92_160,
    )
    return sum(term / freedom**order for order, term in enumerate(terms))
