"""The cells of the three phases on a ladder of sizes: most is tuned where runs are cheapest."""

from collections.abc import Sequence

from bestiary.specs import Cell


def tuned_cells(sizes: Sequence[str], ratios: Sequence[float]) -> tuple[Cell, ...]:
    """Phase I of arXiv 2509.02046: every ratio of the smallest size, the first of the others."""
    first, *others = sizes
    return (
        *(Cell(size=first, ratio=ratio) for ratio in ratios),
        *(Cell(size=size, ratio=ratios[0]) for size in others),
    )


def followed_cells(sizes: Sequence[str], ratios: Sequence[float]) -> tuple[Cell, ...]:
    """Its phase II: every other cell of the other sizes."""
    return tuple(Cell(size=size, ratio=ratio) for size in sizes[1:] for ratio in ratios[1:])
