"""What further tuning would still gain in every cell, reckoned little by little while runs go on.

It takes milliseconds a cell and changes with every measured seed, so a driver reckons for a moment
now and then instead of after every result, and whoever asks how a study stands reads it.
"""

import time
from collections.abc import Iterator

from bestiary.specs import Cell, Estimate, Spec
from bestiary.tune._ledger import left_of, noise_of
from bestiary.tune._planner import Planner
from bestiary.tune._transfer import MeasuredNoise
from bestiary.tune._tuning import CellTuning

_Key = tuple[str, Cell]


class TableLeft(Spec, frozen=True, kw_only=True):
    """What tuning left on the table in a cell where it has ended.

    Attributes:
        optimizer: Name of the candidate.
        cell: Where.
        left_on_table: What further tuning would probably gain, in nats per token.
    """

    optimizer: str
    cell: Cell
    left_on_table: Estimate


class Tables:
    """What is left on the tables of a planner, as far as it was reckoned."""

    def __init__(self, planner: Planner) -> None:
        """Nothing is reckoned yet."""
        self._planner = planner
        self._known: dict[_Key, tuple[CellTuning, MeasuredNoise, Estimate]] = {}

    def refresh(self, seconds: float) -> bool:
        """Reckon what results have changed, what never was first, then the oldest.

        Args:
            seconds: About how long at most.

        Returns:
            Whether everything is as the results have it now.
        """
        until = time.monotonic() + seconds
        ended = dict(self._ended())
        self._known = {key: one for key, one in self._known.items() if key in ended}
        new = [key for key in ended if key not in self._known]
        for key in (*new, *self._known):
            tuning, noise = ended[key]
            if key in self._known and self._is_of(key, tuning, noise):
                continue
            if time.monotonic() > until:
                return False
            self._known.pop(key, None)
            self._known[key] = tuning, noise, left_of(tuning, noise)
        return True

    def found(self) -> tuple[TableLeft, ...]:
        """Whatever was reckoned and is a number, by candidate and cell."""
        keys = [
            (name, cell)
            for name, campaign in self._planner.campaigns.items()
            for cell in campaign.tunings
            if (name, cell) in self._known
        ]
        return tuple(
            TableLeft(optimizer=name, cell=cell, left_on_table=self._known[name, cell][2])
            for name, cell in keys
            if self._known[name, cell][2].value is not None
        )

    def _is_of(self, key: _Key, tuning: CellTuning, noise: MeasuredNoise) -> bool:
        """Whether what is known was reckoned from this very tuning and noise."""
        before, measured, _ = self._known[key]
        return before is tuning and measured == noise

    def _ended(self) -> Iterator[tuple[_Key, tuple[CellTuning, MeasuredNoise]]]:
        for name, campaign in self._planner.campaigns.items():
            noise = noise_of(self._planner, campaign)
            for cell, tuning in campaign.tunings.items():
                if tuning.winner is not None:
                    yield (name, cell), (tuning, noise[cell.size])
