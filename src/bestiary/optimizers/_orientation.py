"""Which way round matrices are stored: (in, out), as here and in JAX, or (out, in), as in torch.

An embedding is (vocabulary, width) either way.
"""

from typing import Any, Literal, get_args

import jax
import optax
from jax import Array

from bestiary.errors import UserError
from bestiary.optimizers._interface import Labels
from bestiary.optimizers._rules import by_path

Orientation = Literal["in_out", "out_in"]
ORIENTATIONS: tuple[str, ...] = get_args(Orientation)
_TURNED_ROLES = ("hidden_matrix", "head")
# The axis of these kinds, stored (in, out), that has the width of the model.
_AXIS_OF_THE_WIDTH = {"gate": -2, "up": -2, "down": -1}


def turned_paths(labels: Labels, orientation: str) -> tuple[str, ...]:
    """The parameters that are transposed on their way in and out."""
    roles = _TURNED_ROLES if orientation == "out_in" else ()
    return tuple(path for path, label in labels.items() if label.role in roles)


def turned(tree: optax.Params, paths: tuple[str, ...]) -> optax.Params:
    """The tree with the last two axes of some leaves swapped; its own inverse."""
    leaves = [leaf.mT if path in paths else leaf for path, leaf in by_path(tree).items()]
    return jax.tree.unflatten(jax.tree.structure(tree), leaves)


def check_orientation(leaves: dict[str, Array], labels: Labels, orientation: str) -> None:
    """Refuse matrices whose shapes say that they are stored the other way round.

    The embedding tells width and vocabulary; the head, and matrices called gate, up or down, are
    compared with it. Nothing can be told of square matrices, or without an embedding.

    Raises:
        UserError: a matrix is stored the other way round.
    """
    tables = [leaves[path].shape for path, label in labels.items() if label.role == "embedding"]
    if not tables or len(tables[0]) != 2:
        return
    width = tables[0][1]
    for path, label in labels.items():
        axis = -2 if label.role == "head" else _AXIS_OF_THE_WIDTH.get(_first_word(label.kind))
        shape: Any = leaves[path].shape
        if label.role not in _TURNED_ROLES or axis is None or len(shape) < 2:
            continue
        axis = axis if orientation == "in_out" else -3 - axis
        if shape[axis] != width and shape[-3 - axis] == width:
            other = next(one for one in ORIENTATIONS if one != orientation)
            raise UserError(
                f"{path!r} of shape {shape} is not stored {orientation!r}, since the model's width "
                f"is {width}; pass layout={other!r} or transpose it"
            )


def _first_word(kind: str) -> str:
    return kind.partition("_")[0]
