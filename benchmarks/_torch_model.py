"""The same Llama-2 in PyTorch, as a PyTorch user would write it.

Shapes: B sequences, T positions, D hidden width, H heads, G key-value heads, K head width.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from bestiary.specs import ModelSpec


class Block(nn.Module):
    """Pre-norm attention and SwiGLU."""

    def __init__(self, model: ModelSpec) -> None:
        super().__init__()
        narrow = model.key_value_heads * model.head_dim
        linear = lambda rows, columns: nn.Linear(rows, columns, bias=False)  # noqa: E731
        self.width = model.head_dim
        self.q, self.o = linear(model.hidden, model.hidden), linear(model.hidden, model.hidden)
        self.k, self.v = linear(model.hidden, narrow), linear(model.hidden, narrow)
        self.gate = linear(model.hidden, model.intermediate)
        self.up = linear(model.hidden, model.intermediate)
        self.down = linear(model.intermediate, model.hidden)
        self.attention_norm = nn.RMSNorm(model.hidden, eps=model.norm_epsilon)
        self.mlp_norm = nn.RMSNorm(model.hidden, eps=model.norm_epsilon)

    def forward(self, x_BTD: Tensor, cos_TK: Tensor, sin_TK: Tensor) -> Tensor:
        h_BTD = self.attention_norm(x_BTD)
        q_BHTK, k_BGTK, v_BGTK = (
            one(h_BTD).unflatten(-1, (-1, self.width)).transpose(1, 2)
            for one in (self.q, self.k, self.v)
        )
        o_BHTK = functional.scaled_dot_product_attention(
            _rotated(q_BHTK, cos_TK, sin_TK),
            _rotated(k_BGTK, cos_TK, sin_TK),
            v_BGTK,
            is_causal=True,
            enable_gqa=q_BHTK.shape[1] != k_BGTK.shape[1],
        )
        x_BTD = x_BTD + self.o(o_BHTK.transpose(1, 2).flatten(-2))
        h_BTD = self.mlp_norm(x_BTD)
        return x_BTD + self.down(functional.silu(self.gate(h_BTD)) * self.up(h_BTD))


def _rotated(x_BHTK: Tensor, cos_TK: Tensor, sin_TK: Tensor) -> Tensor:
    first, second = x_BHTK.chunk(2, -1)
    return torch.cat([first * cos_TK - second * sin_TK, second * cos_TK + first * sin_TK], dim=-1)


class Llama(nn.Module):
    """Token ids in, (B, T + 1); the mean cross-entropy of the next token out."""

    def __init__(self, model: ModelSpec) -> None:
        super().__init__()
        self.embedding = nn.Embedding(model.vocabulary, model.hidden)
        self.blocks = nn.ModuleList(Block(model) for _ in range(model.layers))
        self.norm = nn.RMSNorm(model.hidden, eps=model.norm_epsilon)
        self.head = nn.Linear(model.hidden, model.vocabulary, bias=False)
        frequencies = model.rope_theta ** (-torch.arange(0, model.head_dim, 2) / model.head_dim)
        angles_TK = torch.arange(model.context)[:, None] * frequencies
        self.register_buffer("cos_TK", angles_TK.cos())
        self.register_buffer("sin_TK", angles_TK.sin())
        for weight in self.parameters():
            if weight.ndim == 2:
                nn.init.normal_(weight, std=0.02)

    def forward(self, tokens_BS: Tensor) -> Tensor:
        x_BTD = self.embedding(tokens_BS[:, :-1])
        for block in self.blocks:
            x_BTD = block(x_BTD, self.cos_TK, self.sin_TK)
        logits_BTV = self.head(self.norm(x_BTD))
        return functional.cross_entropy(logits_BTV.flatten(0, 1), tokens_BS[:, 1:].flatten())
