"""What every parameter is for, so that an optimizer can choose its rule."""

from typing import Any

from bestiary.specs import Label, ModelSpec

_HIDDEN_MATRICES = ("q", "k", "v", "o", "gate", "up", "down")
_NORMS = ("attention_norm", "mlp_norm")


def labels(spec: ModelSpec) -> dict[str, Any]:
    """Label every parameter of `init(spec, key)`; the tree has the same structure.

    A tied table is an `embedding`: it is looked up and multiplied with, and gets one rule.
    """
    matrices = {
        kind: Label(
            role="hidden_matrix",
            kind=kind,
            layers=spec.layers,
            head_dim=spec.head_dim if kind in ("q", "k") else 0,
        )
        for kind in _HIDDEN_MATRICES
    }
    norms = {kind: Label(role="vector", kind=kind, layers=spec.layers) for kind in _NORMS}
    tree = {
        "embedding": Label(role="embedding", kind="embedding"),
        "layers": matrices | norms,
        "final_norm": Label(role="vector", kind="final_norm"),
    }
    return tree if spec.tied else tree | {"head": Label(role="head", kind="head")}
