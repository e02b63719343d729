"""The shape of a Llama-2 model, with its parameter and FLOP counts as formulas."""

from typing import Annotated

from msgspec import Meta

from bestiary.errors import UserError
from bestiary.specs._bounds import MOST_COUNT, Count, NormEpsilon, RopeTheta
from bestiary.specs._spec import Spec


class ModelSpec(Spec, frozen=True, kw_only=True):
    """A Llama-2-type decoder: pre-norm RMSNorm, SwiGLU, RoPE, no biases.

    Attributes:
        layers: Transformer blocks, L.
        hidden: Residual width, h.
        intermediate: Width of the gated MLP, f.
        heads: Query heads.
        key_value_heads: Key and value heads; divides `heads`.
        context: Sequence length in tokens, T.
        vocabulary: Number of token ids, V.
        tied: Whether the output head is the transposed input embedding.
        rope_theta: Base of the rotary position frequencies.
        norm_epsilon: Added to the mean square in RMSNorm.
    """

    layers: Count
    hidden: Count
    intermediate: Count
    heads: Count
    key_value_heads: Count
    context: Count
    vocabulary: Annotated[int, Meta(ge=2, le=MOST_COUNT)]
    tied: bool = False
    rope_theta: RopeTheta = 10_000.0
    norm_epsilon: NormEpsilon = 1e-5

    def __post_init__(self) -> None:
        if self.hidden % self.heads or (self.hidden // self.heads) % 2:
            raise UserError(
                "hidden must be heads times an even head width, "
                f"got hidden={self.hidden}, heads={self.heads}; change one of them"
            )
        if self.heads % self.key_value_heads:
            raise UserError(
                "key_value_heads must divide heads, "
                f"got heads={self.heads}, key_value_heads={self.key_value_heads}"
            )

    @property
    def head_dim(self) -> int:
        """Width of one attention head."""
        return self.hidden // self.heads

    @property
    def matrix_parameters(self) -> int:
        """N, the non-embedding parameters: L (2 h^2 + 2 h h_kv + 3 h f); norms are not counted.

        With as many key-value heads as heads and f = 4h this is 16 L h^2. Chinchilla's 1x is 20 N
        tokens (the study's convention, arXiv 2509.02046).
        """
        h, kv = self.hidden, self.key_value_heads * self.head_dim
        return self.layers * (2 * h * h + 2 * h * kv + 3 * h * self.intermediate)

    @property
    def parameters(self) -> int:
        """All parameters: N, norms, the embedding, and the head where it is not tied."""
        norms = (2 * self.layers + 1) * self.hidden
        tables = (1 if self.tied else 2) * self.vocabulary * self.hidden
        return self.matrix_parameters + norms + tables

    @property
    def flops_per_token(self) -> int:
        """Model FLOPs of one training token, forward and backward: 6 (N + h V) + 6 L T h.

        The last term is the causal half of attention. The embedding look-up costs nothing.
        """
        matmul = 6 * (self.matrix_parameters + self.hidden * self.vocabulary)
        return matmul + 6 * self.layers * self.context * self.hidden

    def steps(self, ratio: float, batch_size: int) -> int:
        """Training steps for `ratio` times Chinchilla's 20 N tokens, at least one."""
        return max(1, int(20 * self.matrix_parameters * ratio) // (batch_size * self.context))
