"""The labels of parameters that nobody labelled, read from names and shapes; never guessed."""

import re
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import optax

from bestiary.errors import UserError, unknown
from bestiary.optimizers._interface import Labels
from bestiary.optimizers._rules import by_path
from bestiary.specs import ROLES, Label

# A tree of labels or roles, shaped like the parameters, or a function from the parameters to one.
Labelling = None | Any | Callable[[optax.Params], Any]
_EMBEDDINGS = {"embed", "embedding", "embeddings", "embedder", "wte", "wpe"}
_HEADS = {"head", "unembed", "unembedding", "logits"}
_VECTORS = {"bias", "norm", "layernorm", "rmsnorm", "ln", "gain"}
# The last part of a path where it says nothing.
_PLAIN = ("kernel", "weight", "w", "value")
_FUSED = {"c_attn": "qkv", "qkv": "qkv", "gate_up": "gate_up"}


def labels_of(params: optax.Params, labelling: Labelling) -> Labels:
    """The label of every parameter by path.

    Args:
        params: The parameters.
        labelling: Labels or roles as a tree, or a function that makes one of the parameters; None
            reads them from names and shapes.

    Raises:
        UserError: a role that does not exist, or, with None, a parameter that could be anything.
    """
    if labelling is None:
        return _read(by_path(params))
    tree = labelling(params) if callable(labelling) else labelling
    return {path: _as_label(path, given) for path, given in by_path(tree).items()}


def _as_label(path: str, given: Any) -> Label:
    if isinstance(given, Label):
        return given
    if given not in ROLES:
        raise unknown(f"role of the parameter {path!r}", given, ROLES)
    return Label(role=given, kind=_kind(path))


def _read(leaves: dict[str, Any]) -> Labels:
    labels = {
        path: Label(role=_role(path, leaf), kind=_kind(path)) for path, leaf in leaves.items()
    }
    heads = [path for path, label in labels.items() if label.role == "head"]
    if len(heads) > 1:
        raise _cannot_tell(heads[1], leaves[heads[1]])
    return labels


def _role(path: str, leaf: jax.Array) -> Any:
    """Numbers and lists of numbers are vectors; a matrix is hidden unless its name says more."""
    if jnp.ndim(leaf) < 2:
        return "vector"
    words = set(re.findall(r"[a-z]+", re.sub(r"(?<=[a-z])(?=[A-Z])", " ", path).lower()))
    if jnp.ndim(leaf) > 2 or words & _VECTORS:
        raise _cannot_tell(path, leaf)
    named = {"embedding": words & _EMBEDDINGS, "head": words & _HEADS}
    roles = [role for role, found in named.items() if found]
    if len(roles) > 1:
        raise _cannot_tell(path, leaf)
    return roles[0] if roles else "hidden_matrix"


def _kind(path: str) -> str:
    """The last name that says something, or which fused matrices it names."""
    parts = path.replace(".", "/").split("/")
    if len(parts) > 1 and parts[-1] in _PLAIN:
        parts.pop()
    fused = [kind for name, kind in _FUSED.items() if name in parts[-1].lower()]
    return fused[0] if fused else parts[-1]


def _cannot_tell(path: str, leaf: jax.Array) -> UserError:
    return UserError(
        f"cannot tell what the parameter {path!r} of shape {jnp.shape(leaf)} is for; pass labels=, "
        f"a tree of Label or of roles ({', '.join(ROLES)}), or a function that makes one"
    )
