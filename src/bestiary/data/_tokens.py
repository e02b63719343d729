"""Shards that read as one array."""

from collections.abc import Sequence
from typing import final

import numpy as np


@final
class Tokens:
    """The virtual concatenation of token arrays (memory maps), with a gather of windows."""

    def __init__(self, shards: Sequence[np.ndarray]) -> None:
        self.shards = tuple(shards)
        self._ends = np.cumsum([shard.size for shard in self.shards])
        self._one = self.shards[0] if len(self.shards) == 1 else None

    @property
    def size(self) -> int:
        """Tokens of all shards."""
        return int(self._ends[-1]) if self.shards else 0

    @property
    def nbytes(self) -> int:
        """Bytes of all shards."""
        return sum(shard.nbytes for shard in self.shards)

    def whole(self) -> np.ndarray:
        """One array of everything; from now on windows are gathered from it."""
        if self._one is None:
            self._one = np.concatenate(self.shards)
        return self._one

    def gather(self, starts: np.ndarray, length: int) -> np.ndarray:
        """The `length` tokens from every start: int32, shape (*starts.shape, length).

        Raises:
            IndexError: a window that is not inside the tokens.
        """
        if starts.size and not (starts.min() >= 0 and starts.max() <= self.size - length):
            raise IndexError(f"windows of {length} must lie in {self.size} tokens")
        if self._one is not None:
            return _windows(self._one, length)[starts].astype(np.int32)
        rows = [self._window(int(start), length) for start in starts.ravel()]
        return np.array(rows, np.int32).reshape(*starts.shape, length)

    def _window(self, start: int, length: int) -> np.ndarray:
        """One window, which may reach over the end of a shard into the next ones."""
        pieces: list[np.ndarray] = []
        shard = int(np.searchsorted(self._ends, start, side="right"))
        local = start - int(self._ends[shard]) + self.shards[shard].size
        while length > 0:
            pieces.append(self.shards[shard][local : local + length])
            length -= pieces[-1].size
            shard, local = shard + 1, 0
        return pieces[0] if len(pieces) == 1 else np.concatenate(pieces)


def _windows(tokens: np.ndarray, length: int) -> np.ndarray:
    """Every window as a row of an overlapping view: rows are copied whole, no index array."""
    shape = (tokens.size - length + 1, length)
    return np.ndarray(shape, tokens.dtype, buffer=tokens, strides=(tokens.itemsize,) * 2)
