"""When a plain log says its next line: soon at first, ever more rarely in a long run."""

import time
from collections.abc import Callable

FIRST_SECONDS = 5.0
LONGEST_SECONDS = 300.0


class Cadence:
    """Due at once, then after 5 s, 10 s, 20 s and so on, at last every 5 minutes."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        """Start to count on this clock."""
        self._clock = clock
        self._next = clock()
        self._seconds = FIRST_SECONDS

    def due(self) -> bool:
        """Whether to say a line now; if so, the next one takes twice as long."""
        now = self._clock()
        if now < self._next:
            return False
        self._next = now + self._seconds
        self._seconds = min(2 * self._seconds, LONGEST_SECONDS)
        return True
