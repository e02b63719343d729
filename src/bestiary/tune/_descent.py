r"""Coordinate descent over a grid, as a search that asks for losses and is told them.

A search is a generator: it yields the configurations whose losses it wants to know, all at once so
that they can be trained in parallel, and is sent those losses. It knows nothing of runs, results
or budgets, so any other search of this shape can stand in its place.

Losses sent back: a number; `inf` where the run diverged or failed, which ranks worst; `nan` where
the loss will not be known, because the budget is spent.
"""

import itertools
import math
from collections.abc import Callable, Generator

import msgspec

from bestiary.specs import Candidate, Configuration, Feasible, Setting
from bestiary.tune._axis import Axis, is_number

CanRun = Callable[[Configuration], bool]
Search = Generator[list[Configuration], list[float], "Optimum"]


class Optimum(msgspec.Struct, frozen=True, kw_only=True):
    """Where a search ended.

    Attributes:
        configuration: The best configuration.
        loss: Its loss; `inf` where nothing converged.
    """

    configuration: Configuration
    loss: float


def coordinate_descent(candidate: Candidate, *, minimum_gain: float, feasible: CanRun) -> Search:
    """Tune one coordinate after another, again and again, until a whole pass changes nothing.

    A coordinate moves to its best value where that lowers the loss by more than `minimum_gain`.
    Coordinates in `candidate.extend` are then tried beyond the edge of their grid, geometrically,
    until the best value has a worse one on either side. (Phase I of arXiv 2509.02046, which did not
    extend its grids: in 33 of its 66 sweeps the lowest learning rate tried was the best.)

    Args:
        candidate: Where to start and what to try, coordinate by coordinate.
        minimum_gain: What a move must gain, so that noise is not chased.
        feasible: Whether a configuration can run at all; the others are never asked for.
    """
    best = dict(candidate.start)
    axes = {
        name: Axis(grid, best[name], candidate.ranges.get(name, Feasible()).top)
        for name, grid in candidate.grid.items()
    }
    loss = math.nan
    unchanged = 0
    if not candidate.grid:
        (loss,) = yield [best]
    for coordinate, axis in itertools.cycle(axes.items()):
        extend = coordinate in candidate.extend
        row = yield from _row(axis, best, coordinate, extend=extend, feasible=feasible)
        chosen, moved = row.choice(best[coordinate], minimum_gain)
        best = {**best, coordinate: chosen}
        loss = row.losses[chosen]
        unchanged = 0 if moved else unchanged + 1
        if unchanged == len(axes):
            break
    return Optimum(configuration=best, loss=loss)


class TriedRow(msgspec.Struct, frozen=True):
    """The losses along one coordinate, all others held; a `nan` is not known."""

    losses: dict[Setting, float]

    @property
    def complete(self) -> bool:
        """Whether every loss asked for is known."""
        return not any(math.isnan(loss) for loss in self.losses.values())

    @property
    def known(self) -> list[Setting]:
        """The values whose loss is known, in ascending order where they are numbers."""
        return [value for value, loss in self.losses.items() if not math.isnan(loss)]

    def lowest(self, current: Setting) -> Setting:
        """The value of lowest loss, the nearest to the current one among equals.

        Where all diverged it is the smallest: too large a rate is what makes runs diverge.
        """
        place = list(self.losses).index(current)
        ranks = {
            value: (self.losses[value], abs(index - place) if self.losses[value] < math.inf else 0)
            for index, value in enumerate(self.losses)
        }
        return min(self.known, key=lambda value: ranks[value])

    def choice(self, current: Setting, minimum_gain: float) -> tuple[Setting, bool]:
        """The value to go on with, and whether that is a move."""
        lowest = self.lowest(current)
        moved = self.losses[current] - self.losses[lowest] > minimum_gain
        return (lowest if moved else current), moved

    def at_edge(self, value: Setting) -> bool:
        """Whether nothing is known on one side of a number."""
        return is_number(value) and value in (self.known[0], self.known[-1])


def _row(
    axis: Axis, best: Configuration, coordinate: str, *, extend: bool, feasible: CanRun
) -> Generator[list[Configuration], list[float], TriedRow]:
    """Ask for a coordinate's row, and beyond its edges where that is wanted."""
    current = best[coordinate]
    values = [value for value in axis.window(current) if feasible({**best, coordinate: value})]
    while True:
        # Nearest first: where the budget ends within a row, what is left out is what is far off.
        place = values.index(current)
        near = sorted(values, key=lambda value: abs(values.index(value) - place))
        losses = yield [{**best, coordinate: value} for value in near]
        told = dict(zip(near, losses, strict=True))
        row = TriedRow({value: told[value] for value in values})
        lowest = row.lowest(current)
        if not (extend and row.complete and row.at_edge(lowest)):
            return row
        below = lowest == values[0]
        beyond = axis.beyond(lowest, below=below)
        if beyond is None or not feasible({**best, coordinate: beyond}):
            return row
        values.insert(0 if below else len(values), beyond)
