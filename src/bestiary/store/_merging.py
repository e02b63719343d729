"""Sizes and ratios that differ by rounding alone, read as one, and what was merged said.

A ratio worked out from tokens and N differs in its last digits from run to run, and a size may be
named by a count of parameters that two logs round differently. Cells that do not match compare
nothing, and a law that counts one size as two answers from a design that was never run.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from msgspec.structs import replace

from bestiary.store._foreign import ForeignResult

# Two ratios, or two counts of parameters, within this share of each other are one.
TOLERANCE = 0.01
_SHOWN = 4


def merged(results: Sequence[ForeignResult]) -> tuple[tuple[ForeignResult, ...], tuple[str, ...]]:
    """Results whose ratios and numeric sizes agree where they do to 1%, and what was merged.

    Args:
        results: As read.
    """
    ratios = _together(row.ratio for row in results if row.ratio is not None)
    numbers = {row.size: size for row in results if (size := _count(row.size)) is not None}
    counts = _together(numbers[row.size] for row in results if row.size in numbers)
    names = {counts[value]: name for name, value in numbers.items() if counts[value] == value}
    sizes = {name: names[counts[value]] for name, value in numbers.items()}
    found = tuple(
        replace(
            row,
            ratio=None if row.ratio is None else ratios[row.ratio],
            size=sizes.get(row.size, row.size),
        )
        for row in results
    )
    plain = {f"{one:.9g}": f"{other:.9g}" for one, other in ratios.items()}
    return found, (*_told("ratio", plain), *_told("size", sizes))


def _together(values: Iterable[float]) -> dict[float, float]:
    """Every value -> what stands for all within 1% of the least: the roundest, then the commonest.

    What is further from the least than that begins a group of its own, so groups never chain.
    """
    counted = Counter(values)
    groups: list[list[float]] = []
    for value in sorted(counted):
        if not groups or value > groups[-1][0] * (1 + TOLERANCE):
            groups.append([])
        groups[-1].append(value)
    stands = {
        value: min(group, key=lambda one: (len(f"{one:.12g}"), -counted[one], one))
        for group in groups
        for value in group
    }
    return {value: stands[value] for value in sorted(counted)}


def _count(name: str) -> float | None:
    """The number that a size is named by, if it is."""
    try:
        value = float(name)
    except ValueError:
        return None
    return value if 0 < value < float("inf") else None


def _told(what: str, stands: Mapping[str, str]) -> Iterable[str]:
    """`ratios 0.99973, 1.0002 are read as 1: they agree to 1%`."""
    groups: dict[str, list[str]] = {}
    for value, stand in stands.items():
        if value != stand:
            groups.setdefault(stand, []).append(value)
    for stand, others in groups.items():
        more = f" and {len(others) - _SHOWN} more" if len(others) > _SHOWN else ""
        many = "s" if len(others) > 1 else ""
        told = ", ".join(others[:_SHOWN]) + more
        verb = "are" if many else "is"
        yield f"{what}{many} {told} {verb} read as {stand}: within {TOLERANCE:.0%} of each other"
