"""Numbers as people read them. One place, so that the table and the page agree."""

from collections.abc import Iterable

from bestiary.answers.report import Row
from bestiary.specs import Configuration, Estimate

NOTHING = "\N{EN DASH}"
EXTRAPOLATED = "†"
UNBRACKETED = "‡"
_YEAR = 365.25 * 86_400


def loss(row: Row) -> str:
    """Mean loss and its standard deviation between seeds: `1.5321 ± 0.0040`."""
    if row.loss.value is None:
        return "diverged" if row.diverged else ("pending" if row.pending else NOTHING)
    spread = "" if row.loss_deviation is None else f" ± {row.loss_deviation:.4f}"
    return f"{row.loss.value:.4f}{spread}"


def speedup(estimate: Estimate) -> str:
    """A factor with its interval, marked where it was read beyond the data: `1.43×† [1.3, 1.5]`."""
    if estimate.value is None:
        return NOTHING
    return estimate.times(EXTRAPOLATED if estimate.extrapolated else "")


def tuned(row: Row) -> str:
    """The tuned coordinates, those on an edge marked, or where they were inherited from."""
    if (source := row.inherited_from) is not None:
        mark = UNBRACKETED if row.unbracketed else ""
        return f"as at {source.size} {ratio(source.ratio)}{mark}"
    chosen = {name: row.configuration[name] for name in row.tuned if name in row.configuration}
    return settings(chosen, marked=row.unbracketed)


def settings(configuration: Configuration, *, marked: Iterable[str] = ()) -> str:
    """Hyperparameters by name: `learning_rate 0.016, weight_decay 0.1`."""
    edges = set(marked)
    parts = [
        f"{name} {_setting(value)}{UNBRACKETED if name in edges else ''}"
        for name, value in configuration.items()
    ]
    return ", ".join(parts) or NOTHING


def _setting(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def ratio(value: float) -> str:
    """A data-to-model ratio: `2x`."""
    return f"{value:g}x"


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
    return NOTHING if count is None else f"{quantity(count).replace('B', 'G')}B"
