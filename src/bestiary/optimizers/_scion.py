r"""Scion (Pethick et al. 2025, arXiv 2502.07529): steepest descent, each parameter in its own norm.

With m the mean gradient and LMO the direction of steepest descent in the norm of the role:

    m <- mu m + (1 - mu) g
    p <- p - eta rho (LMO(m) + lambda p)      lambda = 1 / rho where constrained, so that
                                              p <- (1 - eta) p - eta rho LMO(m)

    hidden matrices   spectral: s NS(m), s = sqrt(out/in), or with max(1, .)
    other matrices    sign: sign(m);   width_sign: sign(m) / d;   column: every token's
                      vector to root-mean-square 1;   row: every token's vector to norm 1 / sqrt(d)
    vectors           sign;   rms: to root-mean-square 1

d is the model's width, the side of embedding and head that is not the vocabulary. mu is `momentum`
on hidden matrices and `beta1` elsewhere; rho is `radius`, `other_radius` and `vector_radius`.

State: m, 4 bytes a parameter. Cost: `iterations` (4 M^2 N + 2 M^3) FLOPs on hidden matrices.

The study's Scion (Levanter) is Muon without Nesterov and Signum elsewhere: 10 iterations, max, not
constrained, decay by lambda, Signum clipped by the norm of its own group. The official one
(LIONS-EPFL/scion) is constrained, with radii 50, 3000 for embedding and head (one tied table in
their nanoGPT) and that of hidden matrices for vectors (their airbench and DeiT), and has no decay
to set. One code path; see the presets. Checked against both, all roles of the official one at once.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Annotated, Literal

import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._interface import (
    Beta1,
    Hyperparameters,
    Labels,
    LearningRate,
    Optimizer,
    WeightDecay,
)
from bestiary.optimizers._rules import Leaves, Rule, Scalar, everywhere
from bestiary.optimizers._spectral import (
    CoefficientSet,
    Iterations,
    MatrixEpsilon,
    Momentum,
    Precision,
    Scale,
    orthogonal,
    scaled,
)
from bestiary.specs import ROLES, Label

Norm = Literal["sign", "width_sign", "column", "row", "rms"]
MatrixNorm = Literal["sign", "width_sign", "column", "row"]
_FLOOR = 1e-8  # Of the official code, added to what it divides by.


class Scion(Hyperparameters, frozen=True, kw_only=True):
    """Hyperparameters of Scion."""

    learning_rate: LearningRate = 0.016
    weight_decay: WeightDecay = 0.0
    momentum: Momentum = 0.98
    matrix_epsilon: MatrixEpsilon = 1e-15
    radius: Annotated[float, Meta(gt=0, description="size of hidden matrices' updates")] = 1.0
    other_radius: Annotated[
        float, Meta(gt=0, description="the same of all that is no hidden matrix")
    ] = 0.2
    vector_radius: Annotated[
        float, Meta(ge=0, description="the same of vectors; 0 takes that of all others")
    ] = 0.0
    beta1: Beta1 = 0.95
    scale: Scale = "aspect"
    embedding_norm: Annotated[MatrixNorm, Meta(description="norm of the embedding")] = "sign"
    head_norm: Annotated[MatrixNorm, Meta(description="norm of the head")] = "sign"
    vector_norm: Annotated[Literal["sign", "rms"], Meta(description="norm of vectors")] = "sign"
    constrained: Annotated[
        bool, Meta(description="stay in a ball of the radius; else weight decay")
    ] = False
    coefficients: CoefficientSet = "simple"
    iterations: Iterations = 10
    precision: Precision = "float32"


def steepest(mean: Array, label: Label, norm: Norm) -> Array:
    """LMO of an embedding, head or vector."""
    if norm == "sign":
        return jnp.sign(mean)
    # Tokens are rows of the embedding and columns of the head.
    axis = -2 if label.role == "head" else -1
    width = mean.shape[axis]
    if norm == "width_sign":
        return jnp.sign(mean) / width
    size = jnp.sqrt(jnp.sum(mean**2, axis=axis, keepdims=True))
    divisor = size * width**0.5 if norm == "row" else size / width**0.5
    return mean / (divisor + _FLOOR)


def scale_by_descent(
    lmo: Callable[[Leaves], Leaves], decay: Scalar
) -> optax.GradientTransformation:
    """The direction LMO(m); the state is m by path."""

    def update(grads: Leaves, means: Leaves, params: Leaves | None = None) -> tuple[Leaves, Leaves]:
        del params
        means = optax.tree.update_moment(grads, means, decay, 1)
        return lmo(means), means

    return optax.GradientTransformation(optax.tree.zeros_like, update)


def _rules(hyper: Scion, labels: Labels) -> dict[str, Rule]:
    norms: dict[str, Norm] = {
        "embedding": hyper.embedding_norm,
        "head": hyper.head_norm,
        "vector": hyper.vector_norm,
    }

    def spectral(means: Leaves) -> Leaves:
        return scaled(orthogonal(means, labels, hyper), hyper.scale)

    def by_role(means: Leaves) -> Leaves:
        return {
            path: steepest(mean, labels[path], norms[labels[path].role])
            for path, mean in means.items()
        }

    def within(radius: Scalar, rule: Rule) -> Rule:
        rule = replace(rule, learning_rate=hyper.learning_rate * radius)
        if not hyper.constrained:
            return rule
        return replace(rule, weight_decay=1 / radius, decayed_roles=ROLES)

    matrices = hyper.rule("spectral", scale_by_descent(spectral, hyper.momentum), max_norm=0.0)
    others = hyper.rule("steepest", scale_by_descent(by_role, hyper.beta1))
    vectors = replace(others, name="steepest_vector", clipped_with=others.name)
    own = jnp.asarray(hyper.vector_radius)
    return everywhere(within(hyper.other_radius, others)) | {
        "hidden_matrix": within(hyper.radius, matrices),
        "vector": within(jnp.where(own > 0, own, hyper.other_radius), vectors),
    }


SCION = Optimizer(
    name="scion",
    label="Scion",
    family="matrix",
    summary="Steepest descent in the spectral norm; as the study ran it, Signum elsewhere.",
    paper="Pethick et al. 2025, arXiv 2502.07529",
    hyperparameters=Scion,
    rules=_rules,
    run={"batch_size": 128, "warmup_steps": 0.0, "decay_fraction": 0.4},
    grid={
        "learning_rate": (0.008, 0.016, 0.032, 0.064, 0.128),
        "weight_decay": (0.0, 0.1, 0.2),
        "momentum": (0.8, 0.9, 0.95, 0.98),
        "other_radius": (0.1, 0.2, 0.3, 0.4, 0.5, 0.6),
        "decay_fraction": (0.0, 0.2, 0.4, 0.6, 0.8, 1.0),
        "matrix_epsilon": (1e-20, 1e-15, 1e-10, 1e-5),
        "beta1": (0.8, 0.9, 0.95, 0.98),
        "max_grad_norm": (0.0, 1.0, 2.0),
        "batch_size": (128, 256, 512, 1024),
    },
    studied=True,
    schedule="wsd",
    presets={
        "study": {},
        "official": {
            "constrained": True,
            "learning_rate": 2.0**-12,
            "momentum": 0.9,
            "beta1": 0.9,
            "radius": 50.0,
            "other_radius": 3000.0,
            "vector_radius": 50.0,
            "scale": "spectral",
            "embedding_norm": "width_sign",
            "head_norm": "width_sign",
            "vector_norm": "rms",
            "iterations": 5,
            "matrix_epsilon": 1e-7,
            "max_grad_norm": 0.0,
        },
    },
)
