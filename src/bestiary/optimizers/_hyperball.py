r"""Hyperball (Wen, Dang, Lyu, Ma, Liang 2026, arXiv 2606.16899): matrices of fixed norm.

A wrapper around any direction u. For each matrix, with R its Frobenius norm:

    q = p - eta R u / ||u||_F;   p <- q R / ||q||_F

eta is an angle: the learning rate no longer depends on the size of u or p, and weight decay has
nothing to do. R never changes, so the initial scale of a matrix is a hyperparameter, and a matrix
that starts at zero stays there. A good eta is sqrt(eta lambda) of the optimizer with weight decay.

MuonH and NorMuonH wrap Muon and NorMuon on hidden matrices, AdamH wraps Adam; in all three the head
has AdamH, and embedding and vectors have Adam, with the learning rate times `adam_factor`.
State and cost: those of the wrapped rules.

R is recomputed at each step, from the parameters, as in modded-nanogpt. Nothing is decayed. Its
NorMuonH counts neurons along the longer side and iterates `classic` 12 times, which are settings.
Checked against the modded-nanogpt track 3 files of AdamH, MuonH and NorMuonH.
"""

from typing import Annotated, Literal

import jax.numpy as jnp
import optax
from jax import Array
from msgspec import Meta

from bestiary.optimizers._interface import (
    Beta1,
    Beta2,
    Epsilon,
    Labels,
    LearningRate,
    Optimizer,
)
from bestiary.optimizers._muon import Muon, scale_by_muon
from bestiary.optimizers._newton_schulz import frobenius_norm
from bestiary.optimizers._normuon import NorMuon, scale_by_normuon
from bestiary.optimizers._rules import Rule, Scalar
from bestiary.optimizers._spectral import (
    AdamElsewhere,
    Form,
    Iterations,
    MatrixEpsilon,
    Momentum,
    RateFactor,
)

NoScale = Annotated[Literal["none"], Meta(description="none: the norm of updates is fixed")]
NoDecay = Annotated[float, Meta(ge=0, le=0, description="none: the norm of matrices is fixed")]
_SMALLEST = 1e-10


class AdamH(AdamElsewhere, frozen=True, kw_only=True):
    """Hyperparameters of AdamH."""

    learning_rate: LearningRate = 0.018
    weight_decay: NoDecay = 0.0
    adam_factor: RateFactor = 0.2
    beta1: Beta1 = 0.9
    beta2: Beta2 = 0.95
    epsilon: Epsilon = 1e-10


class MuonH(Muon, frozen=True, kw_only=True):
    """Hyperparameters of MuonH."""

    learning_rate: LearningRate = 0.018
    weight_decay: NoDecay = 0.0
    momentum: Momentum = 0.95
    matrix_epsilon: MatrixEpsilon = 1e-7
    form: Form = "mean"
    scale: NoScale = "none"
    iterations: Iterations = 5
    epsilon: Epsilon = 1e-10


class NorMuonH(NorMuon, frozen=True, kw_only=True):
    """Hyperparameters of NorMuonH."""

    learning_rate: LearningRate = 0.018
    weight_decay: NoDecay = 0.0
    scale: NoScale = "none"
    epsilon: Epsilon = 1e-10


def along_the_sphere(param: Array, direction: Array, rate: Scalar, decay: Scalar) -> Array:
    """The update of matrices (..., fan_in, fan_out) that keeps the norm of each."""
    del decay
    radius = frobenius_norm(param)
    unit = direction / jnp.maximum(frobenius_norm(direction), _SMALLEST)
    moved = param - rate * radius * unit
    after = moved * (radius / jnp.maximum(frobenius_norm(moved), _SMALLEST))
    return jnp.where(radius > 0, after - param, 0.0)


def _with_hyperball(
    hyper: AdamElsewhere, hidden: optax.GradientTransformation | None
) -> dict[str, Rule]:
    """The direction on hidden matrices, if it is another than Adam's, and Adam elsewhere."""
    adam = optax.scale_by_adam(hyper.beta1, hyper.beta2, hyper.epsilon)
    free = hyper.rule("adam", adam, learning_rate=hyper.learning_rate * hyper.adam_factor)
    on_ball = hyper.rule("adam_on_ball", adam, advance=along_the_sphere)
    matrices = on_ball
    if hidden is not None:
        matrices = hyper.rule("matrices_on_ball", hidden, max_norm=0.0, advance=along_the_sphere)
    return {"embedding": free, "vector": free, "head": on_ball, "hidden_matrix": matrices}


def _adamh(hyper: AdamH, labels: Labels) -> dict[str, Rule]:
    del labels
    return _with_hyperball(hyper, None)


def _muonh(hyper: MuonH, labels: Labels) -> dict[str, Rule]:
    return _with_hyperball(hyper, scale_by_muon(hyper, labels))


def _normuonh(hyper: NorMuonH, labels: Labels) -> dict[str, Rule]:
    return _with_hyperball(hyper, scale_by_normuon(hyper, labels))


_PAPER = "Wen, Dang, Lyu, Ma, Liang 2026, arXiv 2606.16899"
_GRID = {
    "learning_rate": (0.009, 0.018, 0.036, 0.072),
    "adam_factor": (0.1, 0.2, 0.4),
    "batch_size": (128, 256, 512, 1024),
}

ADAMH = Optimizer(
    name="adamh",
    label="AdamH",
    family="scalar",
    summary="Adam on matrices of fixed norm: the learning rate is an angle.",
    paper=_PAPER,
    hyperparameters=AdamH,
    rules=_adamh,
    run={"batch_size": 128, "warmup_steps": 2000.0},
    grid={**_GRID, "warmup_steps": (500.0, 1000.0, 2000.0, 4000.0)},
)

MUONH = Optimizer(
    name="muonh",
    label="MuonH",
    family="matrix",
    summary="Muon on matrices of fixed norm: the learning rate is an angle.",
    paper=_PAPER,
    hyperparameters=MuonH,
    rules=_muonh,
    run={"batch_size": 128, "warmup_steps": 0.0, "decay_fraction": 1.0},
    grid={**_GRID, "momentum": (0.9, 0.95, 0.98), "decay_fraction": (0.6, 0.8, 1.0)},
    schedule="wsd",
)

NORMUONH = Optimizer(
    name="normuonh",
    label="NorMuonH",
    family="matrix",
    summary="NorMuon on matrices of fixed norm: the learning rate is an angle.",
    paper=_PAPER,
    hyperparameters=NorMuonH,
    rules=_normuonh,
    run={"batch_size": 128, "warmup_steps": 0.0, "decay_fraction": 1.0},
    grid={**_GRID, "momentum": (0.9, 0.95, 0.98), "decay_fraction": (0.6, 0.8, 1.0)},
    schedule="wsd",
)
