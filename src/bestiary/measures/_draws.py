"""The draws behind every interval of a question: of each size, and of the clock."""

from dataclasses import dataclass

from bestiary.evidence import Evidence, Key
from bestiary.measures._drawn import Drawn
from bestiary.measures._size_draws import SizeDraws, draw_size
from bestiary.measures._times import log_time_ratios
from bestiary.specs import DRAWS


@dataclass(frozen=True)
class Draws:
    """What speedups, their means and crossings are read from.

    Attributes:
        evidence: What was seen.
        sizes: The draws of every size.
        log_times: Log of seconds per token over the baseline's.
        seed: Decides all of them.
    """

    evidence: Evidence
    sizes: dict[str, SizeDraws]
    log_times: dict[Key, Drawn]
    seed: int

    @property
    def rejected(self) -> tuple[str, ...]:
        """The sizes whose baseline's losses lie beside the form of its law by more than noise."""
        fits = {size: self.sizes[size].fitted for size in self.evidence.sizes}
        return tuple(size for size, fit in fits.items() if fit is not None and fit.rejected)

    def log_speedup(self, key: Key) -> Drawn | None:
        """Log of the token speedup; None for the baseline and where there is no loss or law."""
        return self.sizes[key[1]].log_speedups.get(key)

    def log_time_speedup(self, key: Key) -> Drawn | None:
        """Log of the time speedup; None where the token speedup or the clock is missing."""
        tokens, times = self.log_speedup(key), self.log_times.get(key)
        return None if tokens is None or times is None else tokens - times


def draw(evidence: Evidence, *, seed: int = 0, count: int = DRAWS, plain: bool = False) -> Draws:
    """Draw everything.

    Args:
        evidence: What was seen.
        seed: The same gives the same draws.
        count: Draws.
        plain: As for `draw_size`.
    """
    sizes = {
        size: draw_size(evidence, size, seed=seed, count=count, plain=plain)
        for size in evidence.sizes
    }
    log_times = log_time_ratios(evidence, seed=seed, count=count)
    return Draws(evidence, sizes, log_times, seed)
