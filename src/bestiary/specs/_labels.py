"""What a parameter is for. The model labels every leaf; the optimizer maps roles to rules."""

from typing import Literal, get_args

from bestiary.specs._spec import Spec

Role = Literal["embedding", "hidden_matrix", "head", "vector"]
ROLES: tuple[str, ...] = get_args(Role)


class Label(Spec, frozen=True, kw_only=True):
    """The label of one parameter leaf; a model returns a tree of them, shaped like its parameters.

    Matrices are stored (..., fan_in, fan_out), so that activations stand on the left (`x @ w`).
    A leaf that is stacked over layers has the layer axis first, and `layers` is its length.

    Attributes:
        role: What the parameter does, which decides its update rule.
        kind: Which parameter of its layer it is, for instance `"q"` or `"gate"`.
        layers: Length of the leading layer axis, 0 where the leaf is not stacked.
        head_dim: Width of one attention head, for q and k (else 0).
    """

    role: Role
    kind: str
    layers: int = 0
    head_dim: int = 0
