"""The page docs/optimizers.md, made from the catalogue: `python -m bestiary.optimizers`."""

import re
from typing import Any

import jax
import jax.numpy as jnp

from bestiary.optimizers._catalogue import CATALOGUE
from bestiary.optimizers._interface import Hyperparameters, Optimizer
from bestiary.optimizers._routing import Routed, routing
from bestiary.specs import SIZES, Label

INTRODUCTION = """\
# The optimizers

Made by `python -m bestiary.optimizers`; a test compares. Each name leads to the file that states
the equations, where implementations disagree, and the published code it was checked against, step
by step in float64. The rest is a command away:

    bestiary optimizers show muon                # hyperparameters, ranges, start, grid, presets
    bestiary optimizers show muon --size 130m    # what happens to every parameter, and its cost

Starting points and grids are for 130M parameters and 1x Chinchilla: the study's (arXiv 2509.02046)
where it ran the optimizer, else ours, not tuned; at other sizes none is known. Weight decay is
decoupled, multiplied by the learning rate, and skips embeddings and vectors. In any optax program:

    from bestiary.optimizers import muon
    optimizer = muon(schedule_or_rate, momentum=0.95)

[in-your-program.md](in-your-program.md) goes on from there;
[adding-an-optimizer.md](adding-an-optimizer.md) adds one.

State is in bytes per hidden parameter; FLOPs are the optimizer's own, as a share of the model's
6ND, counted at 130m with 524,288 tokens a batch. Curvature counts too: a Hessian-vector product is
three gradients.

| optimizer | name | family | what it does | paper | start | presets | state | FLOPs |
|---|---|---|---|---|---|---|---|---|
"""
_SOURCE = "../src/bestiary/optimizers"
_SIZE = SIZES["130m"]
_BATCH_SIZE = 128
# The matrices of the size, those of equal shape as one stack.
_LABELS = {
    "embedding": Label(role="embedding", kind="embedding"),
    "square": Label(role="hidden_matrix", kind="q", layers=4 * _SIZE.layers),
    "wide": Label(role="hidden_matrix", kind="up", layers=3 * _SIZE.layers),
    "head": Label(role="head", kind="head"),
}
_SHAPES = {
    "embedding": (_SIZE.vocabulary, _SIZE.hidden),
    "square": (4 * _SIZE.layers, _SIZE.hidden, _SIZE.hidden),
    "wide": (3 * _SIZE.layers, _SIZE.hidden, _SIZE.intermediate),
    "head": (_SIZE.hidden, _SIZE.vocabulary),
}


def reference() -> str:
    """The whole page."""
    return INTRODUCTION + "".join(map(_row, CATALOGUE.values()))


def _row(entry: Optimizer) -> str:
    rows = _routed(entry)
    hidden = [row for row in rows if row.role == "hidden_matrix"]
    state = sum(row.state_bytes * row.parameters for row in hidden)
    state /= sum(row.parameters for row in hidden)
    percent = 100 * sum(row.flops_share for row in rows)
    cells = (
        f"[{entry.label}]({_SOURCE}/{entry.hyperparameters.__module__.rpartition('.')[2]}.py)",
        f"`{entry.name}`",
        entry.family,
        entry.summary,
        _linked(entry.paper),
        "the study's" if entry.studied else "ours",
        ", ".join(f"`{name}`" for name in entry.presets),
        f"{state:.3g}",
        "~0" if percent < 0.005 else f"{percent:.2g}%",
    )
    return f"| {' | '.join(cells)} |\n"


def _linked(paper: str) -> str:
    """The paper, arXiv numbers and addresses of pages as links."""
    paper = re.sub(r"arXiv (\d{4}\.\d{5})", r"[arXiv \1](https://arxiv.org/abs/\1)", paper)
    return re.sub(r"(?<![/\w])(\w+(?:\.\w+)+/\S+)", r"[\1](https://\1)", paper)


def _routed(entry: Optimizer) -> tuple[Routed, ...]:
    float32 = jnp.dtype(jnp.float32)
    return routing(
        entry,
        _record(entry),
        _LABELS,
        {path: jax.ShapeDtypeStruct(shape, float32) for path, shape in _SHAPES.items()},
        tokens_per_step=_BATCH_SIZE * _SIZE.context,
        steps=_SIZE.steps(1.0, _BATCH_SIZE),
    )


def _record(entry: Optimizer) -> Hyperparameters:
    """The starting point."""
    settings: dict[str, Any] = entry.defaults
    return entry.hyperparameters(**settings)
