"""Equal blocks in one batch: how matrix optimizers see all layers and kinds at once.

Every matrix (..., fan_in, fan_out) is cut into equal blocks, and blocks of equal shape, of whatever
layer or parameter, become one array (G, M, N). One batched product then does the work of many
small ones. A vector (..., d) is a matrix of one column.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass

import jax.numpy as jnp
import numpy as np
from jax import Array

from bestiary.optimizers._rules import Leaves
from bestiary.optimizers._whole_blocks import along_shards, undivided
from bestiary.specs import Label

Batches = dict[str, Array]
# Matrices whose columns are the width of the model, which is what the axis `shard` of a mesh
# divides; of all others it is the rows. If not, exchanges are larger, and the numbers the same.
_TO_WIDTH = ("down", "embedding")


@dataclass(frozen=True)
class _Cut:
    """How one parameter is cut: `stack` matrices into row_blocks x column_blocks of M x N."""

    shape: tuple[int, ...]
    stack: int
    rows: int
    columns: int
    row_blocks: int
    column_blocks: int
    flipped: bool
    rows_divided: bool

    @property
    def block(self) -> tuple[int, int]:
        """M and N: blocks are equal, the last ones padded where the sides do not divide."""
        return math.ceil(self.rows / self.row_blocks), math.ceil(self.columns / self.column_blocks)

    @property
    def count(self) -> int:
        """Blocks of this parameter."""
        return self.stack * self.row_blocks * self.column_blocks

    def split(self, leaf: Array) -> Array:
        """(..., fan_in, fan_out) to (count, M, N)."""
        x_SRC = leaf.reshape(self.stack, *self._stored_sides())
        x_SRC = x_SRC.mT if self.flipped else x_SRC
        m, n = self.block
        pad = (self.row_blocks * m - self.rows, self.column_blocks * n - self.columns)
        if any(pad):
            x_SRC = jnp.pad(x_SRC, ((0, 0), (0, pad[0]), (0, pad[1])))
        x = self._divided_by_columns(x_SRC).reshape(self._grid)
        return x.swapaxes(2, 3).reshape(self.count, m, n)

    def join(self, x_GMN: Array) -> Array:
        """The inverse of `split`; padding is dropped."""
        stack, row_blocks, m, column_blocks, n = self._grid
        x = x_GMN.reshape(stack, row_blocks, column_blocks, m, n).swapaxes(2, 3)
        x_SRC = self._divided_as_stored(x).reshape(stack, row_blocks * m, column_blocks * n)
        x_SRC = x_SRC[:, : self.rows, : self.columns]
        return (x_SRC.mT if self.flipped else x_SRC).reshape(self.shape)

    @property
    def is_cut(self) -> bool:
        """Whether there are more blocks than matrices."""
        return self.row_blocks * self.column_blocks > 1

    @property
    def _grid(self) -> tuple[int, int, int, int, int]:
        m, n = self.block
        return self.stack, self.row_blocks, m, self.column_blocks, n

    def _divided_by_columns(self, x_SRC: Array) -> Array:
        """Over devices, the side that they divide exchanged for the columns of every block.

        A side is cut where it is whole: of one that is divided the partitioner gathers copies.
        """
        if not self.is_cut:
            return x_SRC
        stack, row_blocks, m, column_blocks, n = self._grid
        if self.rows_divided:
            return along_shards(x_SRC.reshape(stack, row_blocks * m, column_blocks, n), 3)
        x = along_shards(x_SRC.reshape(stack, row_blocks, m, column_blocks * n), 2)
        return along_shards(x.reshape(self._grid), 4)

    def _divided_as_stored(self, x: Array) -> Array:
        """The inverse, of blocks on a grid."""
        if not self.is_cut:
            return x
        stack, row_blocks, m, column_blocks, n = self._grid
        x = along_shards(x, 4)
        if self.rows_divided:
            x = along_shards(x.reshape(stack, row_blocks * m, column_blocks, n), 3)
            return along_shards(x, 1)
        x = along_shards(x, 2).reshape(stack, row_blocks, m, column_blocks * n)
        return along_shards(along_shards(x, 2), 3)

    def padding(self) -> tuple[np.ndarray, np.ndarray]:
        """Which rows (count, M) and columns (count, N) of the blocks are padding."""
        m, n = self.block
        rows = np.arange(self.row_blocks * m).reshape(1, self.row_blocks, 1, m) >= self.rows
        columns = np.arange(self.column_blocks * n).reshape(1, 1, -1, n) >= self.columns
        grid = (self.stack, self.row_blocks, self.column_blocks)
        return (
            np.broadcast_to(rows, (*grid, m)).reshape(self.count, m),
            np.broadcast_to(columns, (*grid, n)).reshape(self.count, n),
        )

    def _stored_sides(self) -> tuple[int, int]:
        return (self.columns, self.rows) if self.flipped else (self.rows, self.columns)


class Layout:
    """The batches of equal blocks that a dictionary of parameters becomes, and the way back."""

    def __init__(
        self,
        leaves: Leaves,
        labels: Mapping[str, Label],
        *,
        block_size: int = 0,
        whole_above: int = 0,
        wide: bool = False,
    ) -> None:
        """Plan the batches from the shapes of the leaves.

        Args:
            leaves: Parameters or gradients by path.
            labels: Their labels; the role says which leaves are vectors.
            block_size: Largest side of a block; 0 keeps matrices whole.
            whole_above: Sides longer than this are never cut (0 cuts them all).
            wide: Transpose matrices with more rows than columns, so that a down projection shares
                a batch with the up projections; for rules that commute with transposition.
        """

        def pieces(side: int) -> int:
            uncut = block_size == 0 or 0 < whole_above < side
            return 1 if uncut else math.ceil(side / block_size)

        self._members: dict[str, dict[str, _Cut]] = {}
        for path, leaf in leaves.items():
            vector = labels[path].role == "vector"
            *stack, rows, columns = (*leaf.shape, 1) if vector else leaf.shape
            flipped = wide and rows > columns
            rows, columns = (columns, rows) if flipped else (rows, columns)
            cut = _Cut(
                shape=leaf.shape,
                stack=math.prod(stack),
                rows=rows,
                columns=columns,
                row_blocks=pieces(rows),
                column_blocks=pieces(columns),
                flipped=flipped,
                rows_divided=flipped == (labels[path].kind in _TO_WIDTH),
            )
            name = "x".join(map(str, cut.block))
            self._members.setdefault(name, {})[path] = cut

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the batches."""
        return tuple(self._members)

    def gather(self, leaves: Leaves) -> Batches:
        """Leaves by path to batches (G, M, N) by the name of their block shape, "MxN"."""
        return {
            name: _joinable(
                jnp.concatenate([cut.split(leaves[path]) for path, cut in cuts.items()]), cuts
            )
            for name, cuts in self._members.items()
        }

    def scatter(self, batches: Batches) -> Leaves:
        """The inverse of `gather`."""
        leaves: Leaves = {}
        for name, cuts in self._members.items():
            ends = np.cumsum([cut.count for cut in cuts.values()])
            parts = jnp.split(_joinable(batches[name], cuts), ends[:-1])
            leaves |= {
                path: cut.join(part) for (path, cut), part in zip(cuts.items(), parts, strict=True)
            }
        return leaves

    def padding(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Which rows (G, M) and columns (G, N) of a batch are padding."""
        rows, columns = zip(*(cut.padding() for cut in self._members[name].values()), strict=True)
        return np.concatenate(rows), np.concatenate(columns)


def _joinable(x_GMN: Array, cuts: Mapping[str, _Cut]) -> Array:
    """A batch as its blocks lie over devices when they are joined, or have been; whole along G."""
    x_GMN = undivided(x_GMN)
    return along_shards(x_GMN, 2) if any(cut.is_cut for cut in cuts.values()) else x_GMN
