"""The values of one coordinate: a grid, in order, that may grow past its ends."""

import math

from bestiary.specs import Setting

# The step from a grid of one value, which has no ratio of its own.
ALONE = 2.0


class Axis:
    """The values known of one coordinate, in ascending order where they are numbers.

    Attributes:
        values: The grid, the start, and what was added past the ends.
    """

    def __init__(self, grid: tuple[Setting, ...], start: Setting, limit: float = math.inf) -> None:
        """Order a grid; whole numbers become real where the start is real.

        Args:
            grid: The values to try.
            start: Where the search begins.
            limit: What every value must stay below, such as 1 for a decay rate.
        """
        real = isinstance(start, float)
        typed = [float(value) if real and is_number(value) else value for value in grid]
        self.values = list(dict.fromkeys([*typed, start]))
        if all(is_number(value) for value in self.values):
            self.values.sort(key=float)
        self._width = max(3, len(self.values))
        self._limit = limit

    def window(self, current: Setting) -> list[Setting]:
        """As many values around the current one as the grid had, all of them until it grows."""
        first = self.values.index(current) - self._width // 2
        first = max(0, min(first, len(self.values) - self._width))
        return self.values[first : first + self._width]

    def beyond(self, edge: Setting, *, below: bool) -> Setting | None:
        """The next value past an edge, one step of the geometric grid further where there is none.

        Downwards the values shrink towards 0, and below a limit the distance to it shrinks, so that
        no step can pass either. None where the grid cannot grow: its values are no real numbers, or
        the edge is 0 or the limit itself.
        """
        place = self.values.index(edge) + (-1 if below else 1)
        if 0 <= place < len(self.values):
            return self.values[place]
        grown = self._grown(edge, below=below)
        if grown is not None:
            self.values.insert(0 if below else len(self.values), grown)
        return grown

    def _grown(self, edge: Setting, *, below: bool) -> float | None:
        if not isinstance(edge, float) or edge <= 0:
            return None
        inner = float(self.values[1 if below else -2]) if len(self.values) > 1 else None
        if below or self._limit == math.inf:
            grown = _stepped(edge, inner, alone=1 / ALONE if below else ALONE)
        else:
            left = self._limit - edge
            inner_left = None if inner is None else self._limit - inner
            grown = self._limit - _stepped(left, inner_left, alone=1 / ALONE)
        # Rounded, so that 0.1 * 2 * 2 is one value however it was reached.
        grown = float(f"{grown:.6g}")
        return grown if 0 < grown < self._limit and grown != edge else None


def _stepped(edge: float, inner: float | None, *, alone: float) -> float:
    """One geometric step from an inner value over the edge; a value of its own has no ratio."""
    ratio = alone if inner is None else edge / inner if inner > 0 else math.inf
    return edge * ratio


def is_number(value: Setting) -> bool:
    """Whether a value lies on an axis; a switch (`True`) does not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
