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
from bestiary.optimizers._whole_blocks import undivided
from bestiary.specs import Label

Batches = dict[str, Array]


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
        m, n = self.block
        x_SRC = leaf.reshape(self.stack, *self._stored_sides())
        x_SRC = x_SRC.mT if self.flipped else x_SRC
        pad = (self.row_blocks * m - self.rows, self.column_blocks * n - self.columns)
        if any(pad):
            x_SRC = jnp.pad(x_SRC, ((0, 0), (0, pad[0]), (0, pad[1])))
        x = x_SRC.reshape(self.stack, self.row_blocks, m, self.column_blocks, n)
        return x.swapaxes(2, 3).reshape(self.count, m, n)

    def join(self, x_GMN: Array) -> Array:
        """The inverse of `split`; padding is dropped."""
        m, n = self.block
        x = x_GMN.reshape(self.stack, self.row_blocks, self.column_blocks, m, n).swapaxes(2, 3)
        x_SRC = x.reshape(self.stack, self.row_blocks * m, self.column_blocks * n)
        x_SRC = x_SRC[:, : self.rows, : self.columns]
        return (x_SRC.mT if self.flipped else x_SRC).reshape(self.shape)

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
            name: undivided(
                jnp.concatenate([cut.split(leaves[path]) for path, cut in cuts.items()])
            )
            for name, cuts in self._members.items()
        }

    def scatter(self, batches: Batches) -> Leaves:
        """The inverse of `gather`."""
        leaves: Leaves = {}
        for name, cuts in self._members.items():
            ends = np.cumsum([cut.count for cut in cuts.values()])
            parts = jnp.split(undivided(batches[name]), ends[:-1])
            leaves |= {
                path: cut.join(part) for (path, cut), part in zip(cuts.items(), parts, strict=True)
            }
        return leaves

    def padding(self, name: str) -> tuple[np.ndarray, np.ndarray]:
        """Which rows (G, M) and columns (G, N) of a batch are padding."""
        rows, columns = zip(*(cut.padding() for cut in self._members[name].values()), strict=True)
        return np.concatenate(rows), np.concatenate(columns)
