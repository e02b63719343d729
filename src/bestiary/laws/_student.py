"""The quantile of Student's t."""


def student_quantile(chance: float, freedom: float) -> float:
    """The value that a t-distributed number stays below with this chance.

    Args:
        chance: Between 0 and 1.
        freedom: Degrees of freedom; infinite for the normal distribution.
    """
    # Here, because scipy takes longer to import than everything else in `laws` together.
    from scipy.special import stdtrit

    return float(stdtrit(freedom, chance))
