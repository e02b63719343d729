"""What every parameter is for: given, or read from names and shapes; what is unclear is asked."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import jax
import optax

from bestiary.errors import UserError, unknown
from bestiary.optimizers._interface import Labels
from bestiary.optimizers._rules import by_path
from bestiary.specs import ROLES, Label

# What a choice may say of one parameter; None leaves it to its name and shape.
Choice = Callable[[str, Any], Label | str | None]
_EMBEDDINGS = {"embed", "embedding", "embeddings", "embedder", "wte", "wpe"}
_HEADS = {"head", "unembed", "unembedding", "logits"}
_VECTORS = {"bias", "norm", "layernorm", "rmsnorm", "ln", "gain"}
# The last part of a path where it says nothing.
_PLAIN = ("kernel", "weight", "w", "value")
_FUSED = {"c_attn": "qkv", "qkv": "qkv", "gate_up": "gate_up"}
_UNCLEAR = "?"


@dataclass(frozen=True, kw_only=True)
class Roles:
    """What every parameter is for, and how that is known; printed, it is a table.

    Attributes:
        labels: The label of every parameter whose role is known, by path.
        shapes: The shape of every parameter, by path.
        reasons: How each role is known, or why it is not, by path.
    """

    labels: Labels
    shapes: Mapping[str, tuple[int, ...]]
    reasons: Mapping[str, str]

    @property
    def unclear(self) -> tuple[str, ...]:
        """The parameters that could be anything: say what they are before you train."""
        return tuple(path for path in self.shapes if path not in self.labels)

    def checked(self) -> Labels:
        """The labels of all parameters.

        Raises:
            UserError: one could be anything.
        """
        for path in self.unclear:
            raise UserError(
                f"cannot tell what the parameter {path!r} of shape {self.shapes[path]} is for; "
                f"pass labels=, a tree of Label or of roles ({', '.join(ROLES)}), or "
                "roles(params, choice)"
            )
        return self.labels

    def __str__(self) -> str:
        """A line for each parameter: its role, its path, its shape, and how the role is known."""
        rows = [
            (
                self.labels[path].role if path in self.labels else _UNCLEAR,
                path,
                str(shape),
                self.reasons[path],
            )
            for path, shape in self.shapes.items()
        ]
        return "\n".join(_aligned([("role", "parameter", "shape", "how it is known"), *rows]))


def _aligned(rows: list[tuple[str, ...]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


# Labels or roles as a tree, or a function that makes one of the parameters.
Labelling = None | Roles | Any | Callable[[optax.Params], Any]


def roles(params: optax.Params, choice: Choice | None = None) -> Roles:
    """What every parameter is for; print it before you train.

        print(roles(params))
        known = roles(params, lambda path, leaf: "hidden_matrix" if "experts" in path else None)
        optimizer = muon(0.02, labels=known)

    Numbers and lists of numbers are vectors. A matrix is an embedding or the head if its name says
    so, and else hidden. What is not clear from that, such as stacks of matrices, has no role.

    Args:
        params: The parameters, or their shapes.
        choice: Says what a parameter is for, from its path (`"blocks/0/up/kernel"`) and itself;
            None leaves it to name and shape.

    Raises:
        UserError: a role that does not exist.
    """
    leaves = by_path(params)
    found: dict[str, tuple[Label | None, str]] = {
        path: _chosen(path, leaf, choice) for path, leaf in leaves.items()
    }
    found |= _several_heads(found)
    return Roles(
        labels={path: label for path, (label, _) in found.items() if label is not None},
        shapes={path: _shape(leaf) for path, leaf in leaves.items()},
        reasons={path: reason for path, (_, reason) in found.items()},
    )


def labels_of(params: optax.Params, labelling: Labelling) -> Labels:
    """The label of every parameter by path.

    Args:
        params: The parameters.
        labelling: `Roles`, labels or roles as a tree, or a function that makes one of these of the
            parameters; None reads them from names and shapes.

    Raises:
        UserError: a role that does not exist, or a parameter that could be anything.
    """
    if labelling is None:
        return roles(params).checked()
    tree = labelling(params) if callable(labelling) else labelling
    if isinstance(tree, Roles):
        return tree.checked()
    return {path: _as_label(path, given) for path, given in by_path(tree).items()}


def _as_label(path: str, given: Any) -> Label:
    if isinstance(given, Label):
        return given
    if given not in ROLES:
        raise unknown(f"role of the parameter {path!r}", given, ROLES)
    return Label(role=given, kind=_kind(path))


def _chosen(path: str, leaf: jax.Array, choice: Choice | None) -> tuple[Label | None, str]:
    """A label and how it is known; the choice comes first."""
    given = choice(path, leaf) if choice is not None else None
    if given is not None:
        return _as_label(path, given), "chosen"
    role, reason = _read(path, leaf)
    return (Label(role=role, kind=_kind(path)) if role else None), reason


def _several_heads(
    found: Mapping[str, tuple[Label | None, str]],
) -> dict[str, tuple[Label | None, str]]:
    """A name says head once; of several, which are guesses, all but the first are unclear."""
    heads = [
        path
        for path, (label, reason) in found.items()
        if label is not None and label.role == "head" and reason != "chosen"
    ]
    unclear = (None, f"a head by its name, as {', '.join(heads[:1])} is")
    return dict.fromkeys(heads[1:], unclear)


def _read(path: str, leaf: jax.Array) -> tuple[Any, str]:
    """The role that name and shape say, or None, and how they say it."""
    axes = len(_shape(leaf))
    if axes < 2:
        return "vector", "a number" if axes == 0 else "one axis"
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path).lower()))
    if axes > 2:
        return None, f"{axes} axes"
    if says_vector := sorted(words & _VECTORS):
        return None, f"a vector by its name ({says_vector[0]}), but two axes"
    named = {"embedding": words & _EMBEDDINGS, "head": words & _HEADS}
    said = [role for role, found in named.items() if found]
    if len(said) > 1:
        return None, "an embedding and a head by its name"
    return (said[0], "its name") if said else ("hidden_matrix", "a matrix")


def _shape(leaf: Any) -> tuple[int, ...]:
    """Of an array, of its shape alone, or of a plain number."""
    return tuple(getattr(leaf, "shape", ()))


def _kind(path: str) -> str:
    """The last name that says something, or which fused matrices it names."""
    parts = path.replace(".", "/").split("/")
    if len(parts) > 1 and parts[-1] in _PLAIN:
        parts.pop()
    fused = [kind for name, kind in _FUSED.items() if name in parts[-1].lower()]
    return fused[0] if fused else parts[-1]
