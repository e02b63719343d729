"""Amounts as people read them: counts, times, bytes. Here, so that no command loads figures."""

DASH = "\N{EN DASH}"
_YEAR = 365.25 * 86_400


def quantity(value: float) -> str:
    """A large count in three digits: `1.31M`, `20.5B`."""
    for power, unit in zip(range(24, 0, -3), "YZEPTBMk", strict=True):
        # At 999.5 three digits round up to the next unit.
        if abs(value) >= 0.9995 * 10**power:
            return f"{value / 10**power:.3g}{unit}"
    return f"{value:.3g}"


def duration(seconds: float) -> str:
    """Seconds as a person says them: `12 s`, `4 min 5 s`, `3 h 20 min`, `12 d 4 h`, `38 years`."""
    if seconds >= 2 * _YEAR:
        return f"{quantity(seconds / _YEAR)} years"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    if whole < 172_800:
        return f"{whole // 3600} h {whole % 3600 // 60} min"
    return f"{whole // 86_400} d {whole % 86_400 // 3600} h"


def size_of(count: int | None) -> str:
    """Bytes: `1.5 MB`."""
    # A billion bytes are a gigabyte, where a billion of anything else is a B.
    return DASH if count is None else f"{quantity(count).replace('B', 'G')}B"
