"""The values of one coordinate: a grid, in order, that may grow past its ends."""

import math

from bestiary.specs import Setting

# The step taken from a grid of one value, which has no ratio of its own.
ALONE = 2.0


class Axis:
    """The values known of one coordinate, in ascending order where they are numbers.

    Attributes:
        values: The grid, the start, and what was added past the ends.
    """

    def __init__(self, grid: tuple[Setting, ...], start: Setting) -> None:
        """Order a grid; whole numbers become real where the start is real."""
        real = isinstance(start, float)
        typed = [float(value) if real and is_number(value) else value for value in grid]
        self.values = list(dict.fromkeys([*typed, start]))
        if all(is_number(value) for value in self.values):
            self.values.sort(key=float)
        self._width = max(3, len(self.values))

    def window(self, current: Setting) -> list[Setting]:
        """As many values around the current one as the grid had, all of them until it grows."""
        first = self.values.index(current) - self._width // 2
        first = max(0, min(first, len(self.values) - self._width))
        return self.values[first : first + self._width]

    def beyond(self, edge: Setting, *, below: bool) -> Setting | None:
        """The next value past an edge, one step of the geometric grid further where there is none.

        None where the grid cannot grow: its values are no real numbers, or it would pass zero.
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
        ratio = 1 / ALONE if below else ALONE
        if len(self.values) > 1:
            inner = float(self.values[1 if below else -2])
            if inner <= 0:
                return None
            ratio = edge / inner
        # Rounded, so that 0.1 * 2 * 2 is one value however it was reached.
        grown = float(f"{edge * ratio:.6g}")
        return grown if 0 < grown < math.inf else None


def is_number(value: Setting) -> bool:
    """Whether a value lies on an axis; a switch (`True`) does not."""
    return isinstance(value, int | float) and not isinstance(value, bool)
