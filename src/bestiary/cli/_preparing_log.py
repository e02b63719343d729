"""How far the preparation of a corpus is, as lines on stderr: none where it is quick."""

import sys
import time
from collections.abc import Callable

from bestiary.cli._cadence import Cadence
from bestiary.data import TextProgress
from bestiary.specs import duration, size_of

# Of the tokenising, before its speed is known well enough to say how long the rest takes.
LEAST_SHARE = 0.01


class PreparingLog:
    """Says a line after five seconds and then ever more rarely, the last stage with its end."""

    def __init__(self, first: str, clock: Callable[[], float] = time.monotonic) -> None:
        """Begin; `first` is said before the first line."""
        self._first, self._clock = first, clock
        self._cadence = Cadence(clock)
        self._cadence.due()  # the line that would be due at once
        self._stage, self._began = "", 0.0

    def __call__(self, progress: TextProgress) -> None:
        """Say how far it is, where a line is due."""
        if progress.stage != self._stage:
            self._stage, self._began = progress.stage, self._clock()
        if not self._cadence.due():
            return
        lines = [self._first] if self._first else []
        self._first = ""
        print("\n".join((*lines, self._line(progress))), file=sys.stderr, flush=True)

    def _line(self, progress: TextProgress) -> str:
        stage, done, total = progress
        if not total:
            return f"{stage} {size_of(done)}"
        line = f"{stage} {size_of(done)} of {size_of(total)}"
        if stage != "tokenised" or done < LEAST_SHARE * total:
            return line
        left = (self._clock() - self._began) * (total - done) / done
        return f"{line}, about {duration(left)} left"
